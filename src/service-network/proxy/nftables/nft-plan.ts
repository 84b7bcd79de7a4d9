import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Protocol, ServiceModel } from '../../model.ts'
import type { ModeOptions } from '../mode.ts'

/**
 * What the kernel shall hold, as values in nft(8)'s own words: rendered, compared, traced. Elements of
 * Services are not held: `elementsOf()` makes them of the model whenever they are asked for, which is faster than to keep them all. No two
 * Services have an element in common, so that a change costs what it changes.
 */
export interface NftPlan {
  readonly options: ModeOptions
  /** What it is a plan of. */
  readonly model: ServiceModel
  readonly sets: readonly NftSet[]
  readonly chains: ReadonlyMap<string, Chain>
  /** Elements that Services may share, each once. */
  readonly shared: readonly Element[]
}

/** An expression that gives a value of a packet. The last one is the number of the slot that chance picks. */
export type Field =
  | 'ip saddr'
  | 'ip daddr'
  | 'meta l4proto'
  | 'th dport'
  | 'th sport'
  | `${Protocol} dport`
  | 'ct original ip daddr'
  | 'ct original proto-dst'
  | 'meta priority'
  | 'slot'

export interface NftSet {
  readonly name: SetName
  readonly key: readonly Field[]
  /** Absent for a set, else what the map gives. */
  readonly value?: 'verdict' | readonly Field[]
  /** Its last key is a network. */
  readonly interval?: true
  /** Filled by rules; holds at most so many. */
  readonly dynamicSize?: number
}

export type SetName =
  | 'services'
  | 'external-services'
  | EndpointsName
  | 'affinity'
  | 'affinity-timeouts'
  | 'affinity-choices'
  | ChosenName
  | 'ported-protocols'
  | 'invalid-packets'
  | 'cluster-ips'
  | 'load-balancer-ips'
  | 'refusals'
  | 'external-refusals'
  | 'firewalled'
  | 'source-ranges'
  | 'hairpins'
  | 'source-policies'

/** One map a protocol: nft 1.0.6 cannot add a rule that takes a port from a map whose declaration names another protocol than the rule. */
export type ChosenName = `chosen-${Protocol}`
export type EndpointsName = `${'endpoints' | 'local-endpoints'}-${Protocol}`

export interface Element {
  readonly set: SetName
  readonly key: readonly (IP | CIDR | Protocol | number)[]
  readonly value?:
    | ElementVerdict
    | { readonly kind: 'endpoint'; readonly ip: IP; readonly port: number }
    | { readonly kind: 'choice'; readonly choice: number }
  /** For elements of the dynamic map. */
  readonly timeoutSeconds?: number
  readonly expiresSeconds?: number
}

export type ElementVerdict =
  | { readonly kind: 'goto'; readonly chain: string }
  | { readonly kind: 'drop' }
  | { readonly kind: 'accept' }

export interface Chain {
  readonly name: string
  readonly base?: {
    readonly type: 'nat' | 'filter'
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
    readonly priority: number
  }
  readonly rules: readonly Rule[]
}

/** Does `do` with packets that meet every condition. */
export interface Rule {
  readonly when: readonly Condition[]
  readonly do: Statement
}

export type Condition =
  | { readonly kind: 'new' }
  /** conntrack cannot place it in a connection. */
  | { readonly kind: 'invalid' }
  | { readonly kind: 'dnatted' }
  | { readonly kind: 'echo-request' }
  /** The source is an address of this node. */
  | { readonly kind: 'local-source' }
  | { readonly kind: 'protocol'; readonly is: Protocol }
  | {
      readonly kind: 'address'
      readonly field: 'ip saddr' | 'ip daddr' | 'ct original ip daddr'
      readonly network: IP | CIDR
      readonly not?: true
    }
  | {
      readonly kind: 'device'
      readonly field: 'iifname' | 'oifname' | 'fib daddr oifname'
      readonly name: string
      /** `name` is what it begins with. */
      readonly prefix?: true
      readonly not?: true
    }
  | {
      readonly kind: 'in-set'
      readonly key: readonly Field[]
      readonly set: SetName
      readonly not?: true
    }

export type Statement =
  | ElementVerdict
  | { readonly kind: 'vmap'; readonly key: readonly Field[]; readonly map: SetName }
  | { readonly kind: 'reject'; readonly with: 'tcp reset' | 'icmp port-unreachable' }
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'dnat'; readonly to: IP }
  | {
      readonly kind: 'dnat-map'
      readonly key: readonly Field[]
      /** How many slots there are, where the key has one. */
      readonly slots?: number
      readonly map: SetName
    }
  | {
      /** Keeps the number that a map gives as the packet's priority; goes on with the next rule either way. */
      readonly kind: 'choose'
      readonly key: readonly Field[]
      readonly map: SetName
    }
  | { readonly kind: 'forget-choice' }
  | {
      /** Takes an element out of a dynamic map, if it is there. */
      readonly kind: 'delete'
      readonly map: SetName
      readonly key: readonly Field[]
      /** What it may give: nf_tables wants to be told. */
      readonly value: readonly Field[]
    }
  | {
      /** Counts packets by key. */
      readonly kind: 'count'
      readonly set: SetName
      readonly key: readonly Field[]
      readonly timeoutSeconds: number
    }
  | {
      readonly kind: 'update'
      readonly map: SetName
      readonly key: readonly Field[]
      readonly value: readonly Field[]
      readonly timeoutSeconds: number
    }
