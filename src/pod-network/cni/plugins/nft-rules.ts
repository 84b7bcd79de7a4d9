import { KernelError } from '#kernel/kernel-error.ts'
import type { Nft } from '#kernel/nft/nft.ts'

/** A rule of a table that we share with the reference plugins: which attachment it belongs to is said by its comment. */
export interface CommentedRule {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly handle: number
  readonly comment: string
}

/** The rules of one table that have a comment; none where the table does not exist. */
export function listCommentedRules(
  nft: Nft,
  { family, table }: Pick<CommentedRule, 'family' | 'table'>,
): readonly CommentedRule[] {
  const { nftables } = JSON.parse(readTable(nft, `${family} ${table}`)) as {
    readonly nftables: readonly { readonly rule?: Partial<CommentedRule> }[]
  }
  return nftables.flatMap(({ rule }) => {
    const { chain, handle, comment } = rule ?? {}
    if (chain === undefined || handle === undefined || comment === undefined) return []
    return [{ family, table, chain, handle, comment }]
  })
}

/** One line of nft(8) a rule. By handle: the text of a rule is rewritten by the kernel, its handle is not. */
export function deleteRules(rules: readonly CommentedRule[]): string {
  return rules
    .map((rule) => `delete rule ${rule.family} ${rule.table} ${rule.chain} handle ${rule.handle}\n`)
    .join('')
}

function readTable(nft: Nft, name: string): string {
  try {
    return nft.read(`list table ${name}`, { json: true })
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return '{"nftables":[]}'
    throw error
  }
}
