import type { ListedRule, NftChange } from '#kernel/nft/rules/model.ts'

/*
 * Rules of tables that we share with the reference plugins: which attachment one belongs to is said by its comment.
 */

/** Those with a comment that `isOurs` knows again. */
export function withComment(
  rules: readonly ListedRule[],
  isOurs: (comment: string) => boolean,
): readonly ListedRule[] {
  return rules.filter(({ comment }) => comment !== undefined && isOurs(comment))
}

export function deletionsOf(rules: readonly ListedRule[]): readonly NftChange[] {
  return rules.map(({ family, table, chain, handle }) => ({
    ...{ change: 'delete rule', family, table, chain, handle },
  }))
}
