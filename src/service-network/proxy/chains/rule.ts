import type { CIDR } from '#ip/cidr.ts'
import type { Family, IP } from '#ip/ip.ts'
import type { Protocol } from '../../model.ts'

/*
 * Chains of iptables as values: what the modes ipvs and userspace hold there. Rendered (rule-words.ts), compared with what is in the kernel
 * (chain-script.ts), and walked through by a packet (walk-chains.ts).
 */

export interface Chains {
  readonly chains: readonly Chain[]
  readonly jumps: readonly Jump[]
}

export type Table = 'nat' | 'filter'
export type BuiltInChain = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING'

/** A chain of our own: we are its only writer. */
export interface Chain {
  readonly table: Table
  readonly name: string
  readonly rules: readonly Rule[]
}

/** A rule in a built-in chain, among those of others. */
export interface Jump {
  readonly table: Table
  readonly from: BuiltInChain
  readonly when: readonly Match[]
  readonly to: string
  /** Put before or behind what is there. Of several that are put first, the last one named is the first. */
  readonly at: 'first' | 'last'
}

/** Does `do` with packets that meet every match. */
export interface Rule {
  readonly when: readonly Match[]
  readonly do: Target
}

export type Match =
  | { readonly kind: 'source' | 'destination'; readonly network: IP | CIDR; readonly not?: true }
  /** A name that ends with `+` is what names begin with. */
  | { readonly kind: 'in-device'; readonly name: string; readonly not?: true }
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | { readonly kind: 'port'; readonly protocol: Protocol; readonly port: number }
  | { readonly kind: 'comment'; readonly text: string }
  /** Addresses of this machine. */
  | { readonly kind: 'local-source' | 'local-destination'; readonly not?: true }
  /** Did not come in by a port of a bridge; true for all that is routed, without br_netfilter. */
  | { readonly kind: 'not-bridged' }
  | {
      readonly kind: 'state'
      readonly state: 'NEW' | 'DNAT' | 'RELATED,ESTABLISHED'
      readonly not?: true
    }
  /** As {@link Match.state} NEW, in the older words that the userspace mode uses. */
  | { readonly kind: 'old-state-new' }
  | { readonly kind: 'marked'; readonly not?: true }
  | { readonly kind: 'echo-request'; readonly family: Family }
  /** `of` says which parts of the packet are looked up: `dst,dst,src`. */
  | { readonly kind: 'in-set'; readonly set: string; readonly of: string }
  /** What IPVS sends to a destination, by the virtual service that it was for. */
  | { readonly kind: 'ipvs'; readonly ip: IP; readonly port: number; readonly protocol: Protocol }

export type Target =
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'return' }
  | { readonly kind: 'accept' | 'drop' }
  /** By an ICMP message, or of TCP by a reset, which clients of IPv6 hear at once. */
  | { readonly kind: 'reject'; readonly with?: 'tcp-reset' }
  | { readonly kind: 'redirect'; readonly port: number }
  | { readonly kind: 'dnat'; readonly ip: IP; readonly port: number }
  | { readonly kind: 'mark' }
  | { readonly kind: 'unmark' }
  /** `fully`: source ports by chance, against two that take the same. */
  | { readonly kind: 'masquerade'; readonly fully?: true }
