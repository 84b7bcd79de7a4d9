import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'

/** A table is known by its family and its name. */
export interface TableName {
  readonly family: 'ip' | 'ip6' | 'inet' | 'bridge'
  readonly table: string
}

export interface ChainName extends TableName {
  readonly chain: string
}

/** One step of a transaction. Adding a table or a chain that exists changes nothing. */
export type NftChange =
  | ({ readonly change: 'add table'; readonly comment?: string } & TableName)
  | ({ readonly change: 'add chain'; readonly hook?: Hook } & ChainName)
  | ({ readonly change: 'flush chain' } & ChainName)
  | ({ readonly change: 'add rule' | 'insert rule' } & Rule & ChainName)
  | ({ readonly change: 'delete rule'; readonly handle: number } & ChainName)

export interface Hook {
  readonly type: 'nat'
  readonly hook: 'prerouting' | 'output' | 'postrouting'
  readonly priority: number
}

export interface Rule {
  readonly when?: readonly Match[]
  readonly verdict: Verdict
  readonly comment?: string
}

/** What must be true of a packet; all of them, in this order. */
export type Match =
  /** Whether an address of the packet is in a network, or is none of it. The network's family is that of the packets that are meant. */
  | { readonly is: 'saddr' | 'daddr'; readonly in: CIDR; readonly not?: boolean }
  | { readonly is: 'dport'; readonly protocol: 'tcp' | 'udp' | 'sctp'; readonly port: number }
  /** An address of this machine (fib daddr type local). */
  | { readonly is: 'for us' }
  /** Somebody else's, in the words of nft(8). */
  | { readonly is: 'words'; readonly words: string }

export type Verdict =
  | { readonly do: 'masquerade' | 'return' }
  | { readonly do: 'jump' | 'goto'; readonly chain: string }
  | { readonly do: 'dnat'; readonly to: IP; readonly port: number }

/** A rule as it is in the kernel. */
export interface ListedRule extends ChainName {
  readonly handle: number
  readonly comment?: string
  /** What it does, as the kernel or nft(8) shows it: the same text for the same rule, and good for nothing else. */
  readonly content: string
}

/**
 * Rules in tables that are shared with other programs: added without a look at the rest, found again by their comments, deleted by their
 * handles (the text of a rule is rewritten by the kernel, its handle is not).
 */
export interface NftRules extends Disposable {
  /** All changes or none, as one transaction. @throws KernelError */
  commit(changes: readonly NftChange[]): void
  /** The rules of one table, or of one chain of it; none where there is no such thing. @throws KernelError */
  list(where: TableName & { readonly chain?: string }): readonly ListedRule[]
  hasTable(name: TableName): boolean
}
