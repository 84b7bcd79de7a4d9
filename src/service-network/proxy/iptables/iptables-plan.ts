import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { IptablesTable } from '#kernel/iptables/async-iptables.ts'
import type { Protocol, ProxiedService } from '../../model.ts'
import type { IptablesOptions, LocalDetector, ModeOptions } from '../mode.ts'

/**
 * What the kernel shall hold, as values in iptables' own words and kube-proxy's own order: rendered, compared, traced. Chains of a Service
 * are its own; of the top-level chains each Service has a part.
 */
export interface IptablesPlan {
  readonly settings: Settings
  /** The top-level chains, without the Services' parts. */
  readonly base: readonly BaseChain[]
  /** Where nodePorts are open, where that is not everywhere. */
  readonly nodePortIPs: readonly IP[] | undefined
  /** Rules of the built-in chains, each to be there once, before those of others. */
  readonly jumps: readonly Jump[]
  readonly services: ReadonlyMap<string, ServicePlan>
  /** More than a thousand endpoints: rules of chains by endpoint have no comments (kube-proxy's large-cluster mode). */
  readonly isLarge: boolean
}

export interface ServicePlan {
  readonly of: ProxiedService
  /** Of all its ports together. */
  readonly endpoints: number
  readonly isLarge: boolean
  /** In the order of the top-level chains. */
  readonly parts: readonly Part[]
  /** Of the table nat. */
  readonly chains: readonly Chain[]
}

export interface Part extends ChainRef {
  readonly rules: readonly Rule[]
}

export type ProxyTable = Extract<IptablesTable, 'nat' | 'filter' | 'mangle'>

export interface ChainRef {
  readonly table: ProxyTable
  readonly chain: string
}

export interface BaseChain extends ChainRef {
  readonly first: readonly Rule[]
  /** After what the Services add. */
  readonly last: readonly Rule[]
}

export interface Jump extends ChainRef {
  readonly rule: Rule
}

export interface Chain {
  readonly name: string
  readonly rules: readonly Rule[]
}

/** `when` in the order in which it is written: iptables-save prints matches as they were given. Without `do` it only counts. */
export interface Rule {
  readonly when: readonly Match[]
  readonly do?: Target
}

export type Match =
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | { readonly kind: 'source' | 'destination'; readonly network: IP | CIDR; readonly not?: true }
  | { readonly kind: 'destination-port'; readonly port: number }
  /** `+` at its end stands for anything. */
  | { readonly kind: 'in-device'; readonly name: string; readonly not?: true }
  | { readonly kind: 'source-local' | 'destination-local'; readonly not?: true }
  | { readonly kind: 'state'; readonly states: readonly string[]; readonly not?: true }
  | { readonly kind: 'mark'; readonly mark: number; readonly not?: true }
  /** Chance picks one of `of` that are left. */
  | { readonly kind: 'random'; readonly of: number; readonly digits: number }
  /** Whether the list has the client, seen in the last `seconds`. */
  | { readonly kind: 'seen'; readonly list: string; readonly seconds: number }
  /** Puts the client in the list. */
  | { readonly kind: 'remember'; readonly list: string }
  /** Counted under a name, which outlives the rule (xt_nfacct). */
  | { readonly kind: 'account'; readonly counter: string }
  /** Came by a port of a bridge, which only bridged packets know. */
  | { readonly kind: 'from-bridge'; readonly not?: true }

export type Target =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'mark'; readonly how: 'or' | 'xor'; readonly mark: number }
  | { readonly kind: 'masquerade'; readonly isRandom: boolean }
  | { readonly kind: 'dnat'; readonly ip: IP; readonly port: number }

/** What `ModeOptions` leave open, filled in. */
export interface Settings extends ModeOptions {
  readonly layout: NonNullable<IptablesOptions['layout']>
  readonly localhostNodePorts: boolean
  readonly localDetector: LocalDetector
  /** nodePorts are open at some addresses only; else at every address of the node, as with kube-proxy by default. */
  readonly choosesNodePortIPs: boolean
  readonly conntrackIsLiberal: boolean
  /** The kernel has named counters. */
  readonly hasAccounts: boolean
}
