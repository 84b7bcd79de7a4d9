import { decodeAttributes, decodeOptional } from '#wire/netlink/attributes.ts'
import { readText } from '#wire/netlink/bytes.ts'
import { decodeComment } from '#wire/netlink/nftables/comment.ts'
import { NFPROTO, NFT_MSG, RULE, TABLE } from '#wire/netlink/nftables/constants.ts'
import { KernelError } from '../../kernel-error.ts'
import type { Nft } from '../nft.ts'
import type { NftSocket } from '../nft-socket.ts'
import type { ListedRule, NftRules, TableName } from './model.ts'

/** `struct nfgenmsg`. */
const HEADER_BYTES = 4

/** By a dump that the kernel narrows down to the table. */
export function listByMessages(
  socket: NftSocket,
  { family, table, chain }: Parameters<NftRules['list']>[0],
): readonly ListedRule[] {
  const bodies = socket.dump(`list rules of ${family} ${table}`, (writer, flags) => {
    writer.begin(NFT_MSG.getRule, flags, NFPROTO[family])
    writer.text(RULE.table, table)
    if (chain !== undefined) writer.text(RULE.chain, chain)
  })
  return bodies.map((body) => {
    const attributes = decodeAttributes(body, HEADER_BYTES, 'nftables rule')
    const comment = decodeOptional(attributes, RULE.userdata, decodeComment)
    return {
      family,
      table,
      chain: decodeOptional(attributes, RULE.chain, readText) ?? '',
      handle: decodeOptional(attributes, RULE.handle, readHandle) ?? 0,
      ...(comment !== undefined && { comment }),
      content: decodeOptional(attributes, RULE.expressions, toText) ?? '',
    }
  })
}

export function hasTableByMessages(socket: NftSocket, { family, table }: TableName): boolean {
  const bodies = socket.dump('list tables', (writer, flags) =>
    writer.begin(NFT_MSG.getTable, flags, NFPROTO[family]),
  )
  return bodies.some((body) => {
    const attributes = decodeAttributes(body, HEADER_BYTES, 'nftables table')
    return decodeOptional(attributes, TABLE.name, readText) === table
  })
}

/** By nft(8), of the whole table. */
export function listByWords(
  nft: Nft,
  { family, table, chain }: Parameters<NftRules['list']>[0],
): readonly ListedRule[] {
  const { nftables } = JSON.parse(readTable(nft, `${family} ${table}`)) as {
    readonly nftables: readonly { readonly rule?: Partial<JSONRule> }[]
  }
  return nftables.flatMap(({ rule }) => {
    if (rule?.chain === undefined || rule.handle === undefined) return []
    if (chain !== undefined && rule.chain !== chain) return []
    const { handle, comment, expr } = rule
    return [
      {
        ...{ family, table, chain: rule.chain, handle },
        ...(comment !== undefined && { comment }),
        content: JSON.stringify(expr),
      },
    ]
  })
}

/** As libnftables-json(5) has it. */
interface JSONRule {
  readonly chain: string
  readonly handle: number
  readonly comment: string
  readonly expr: unknown
}

function readTable(nft: Nft, name: string): string {
  try {
    return nft.read(`list table ${name}`, { json: true })
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENOENT') return '{"nftables":[]}'
    throw error
  }
}

/** They count from 1, far from what a number cannot hold. */
function readHandle(value: Uint8Array): number {
  return Number(Buffer.from(value.buffer, value.byteOffset, 8).readBigUInt64BE())
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
