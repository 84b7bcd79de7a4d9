import type { CIDR } from '#ip/cidr.ts'
import type { Family, IP } from '#ip/ip.ts'
import type { IptablesVariant } from '#kernel/iptables/async-iptables.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import type { NodePortAddresses, ServiceModel } from '../model.ts'
import type { RelaysOf } from './udp-flows.ts'

/*
 * The port that every proxy mode implements: one model in, rules in the kernel (or sockets of this process) out. `run-proxy.ts` calls it,
 * once an IP family; `modes.ts` finds a mode by its name.
 */

export const PROXY_MODES = ['nftables', 'iptables', 'ipvs', 'userspace'] as const
export type ProxyMode = (typeof PROXY_MODES)[number]

export interface Mode {
  readonly name: ProxyMode
  /** Changes nothing yet: the first sync does. */
  open(deps: ModeDeps, options: ModeOptions): ModeTable | Promise<ModeTable>
  /**
   * Takes away what another process of this mode left in the kernel for one family; quiet where there is nothing. The mode that took
   * over has synced by then, so that new connections are served already.
   *
   * @param kept where it is this mode that took over: the iptables that it uses. Only what is in the other one goes.
   */
  removeLeftovers(deps: ModeDeps, family: Family, kept?: IptablesVariant): Promise<void>
}

/** What a mode holds for the Services of one IP family. It is the only writer of its rules. */
export interface ModeTable extends AsyncDisposable {
  /**
   * Makes the kernel equal to `model`'s plan: at once or in steps that never leave a Service without its rules. After an error nothing is
   * assumed of the kernel, and the next sync replaces everything. Calls never overlap. @throws KernelError
   */
  sync(model: ServiceModel): Promise<SyncOutcome>
  /** Whether what was committed last still stands. */
  isIntact(): Promise<boolean>
  /** Makes the next sync replace everything. */
  doubt(): void
  /** All ranges of ClusterIPs, where the mode does something about addresses that no Service has. The next sync heeds it. */
  setServiceCIDRs?(serviceCIDRs: readonly CIDR[]): void
  /** Flows to them are none that a change left behind. */
  readonly relaysOf?: RelaysOf
  /**
   * Takes every rule of the mode away; new connections do not come here from then on. Resolves when also the connections have ended that
   * pass through it (userspace, ipvs), or when `drain` aborts.
   *
   * @param onRulesGone called before it waits for connections
   */
  remove(drain?: AbortSignal, onRulesGone?: () => void): Promise<void>
  /** What metrics and `doctor` show. Never on the hot path. */
  counters(): Promise<ModeCounters>
  /** Closes descriptors and leaves the rules, so that traffic flows on while the proxy is being replaced. */
  [Symbol.asyncDispose](): Promise<void>
}

/** `changed` by a part, `replaced` as a whole. */
export type SyncOutcome = 'nothing' | 'changed' | 'replaced'

export interface ModeCounters {
  /** Rules and elements that the mode holds. */
  readonly rules: number
  /** Of iptables mode, by table. */
  readonly tables?: Readonly<Record<string, RuleCounts>>
  /** By `namespace/name`: packets of its connections that conntrack could not place (k/k#74839). Absent: none, or not counted in this mode. */
  readonly invalidPackets?: ReadonlyMap<string, number>
  /** Of iptables mode, where the kernel counts by name (kube-proxy's nfacct counters), of both families together. */
  readonly invalidPacketsDropped?: number
  readonly localhostNodePortPackets?: number
}

export interface RuleCounts {
  /** Rules in chains of the mode's own. */
  readonly held: number
  /** Of those that the last sync wrote. */
  readonly written: number
}

export interface ModeDeps {
  /** Where the rules go; this process's own namespace by default. */
  readonly netns?: Netns
  readonly log: Log
  /** Somebody else may have touched the rules: `isIntact` is asked soon. */
  readonly onTampering?: () => void
}

/** What a mode must know of the node, in one family: that of `nodeIP`. */
export interface ModeOptions {
  readonly nodeName: string
  /** The node's primary address. */
  readonly nodeIP: IP
  /** The whole cluster's: a source outside it must be masqueraded, or its reply would not come back through this node. */
  readonly podCIDR: CIDR
  readonly serviceCIDR: CIDR
  /** All ranges of ClusterIPs, as ServiceCIDR objects name them; the one above by default. */
  readonly serviceCIDRs?: readonly CIDR[]
  /** Packets of this node's pods come in by it, and a LoadBalancer address that this node answers for is routed to it. */
  readonly podDevice: string
  /**
   * How pods of this node are told from other clients. By default by what fits: their addresses for who needs masquerading, `podDevice` for
   * who is none of this node (iptables mode: their addresses for both, as kube-proxy does).
   */
  readonly localDetector?: LocalDetector
  /** What was asked for; the model has the addresses that it stands for. */
  readonly nodePortAddresses?: NodePortAddresses
  /** Masquerades whatever is translated for a ClusterIP. */
  readonly masqueradeAll?: boolean
  /** Options of one mode. */
  readonly iptables?: IptablesOptions
  readonly ipvs?: IPVSOptions
}

/** kube-proxy's detectLocalMode: by podCIDR, by podDevice, by what their devices' names begin with; `none` where it cannot be told. */
export type LocalDetector = 'pod-cidr' | 'pod-device' | 'none' | { readonly prefix: string }

/** Where pods may have any address, addresses tell nothing. */
export function usableDetector({
  localDetector,
  podCIDR,
}: Pick<ModeOptions, 'localDetector' | 'podCIDR'>): LocalDetector | undefined {
  return localDetector === 'pod-cidr' && podCIDR.prefixLength === 0 ? 'none' : localDetector
}

export interface IptablesOptions {
  /** Names and rules as kube-proxy made them before 1.19; today's by default. */
  readonly layout?: 'classic' | 'modern'
  /** Which of both iptables the node has; the one that `iptables` is by default. */
  readonly variant?: IptablesVariant
  /** nodePorts at 127.0.0.1 too, with route_localnet and a rule against its abuse (CVE-2020-8558); `true` by default, as in kube-proxy. */
  readonly localhostNodePorts?: boolean
  /** Packets that conntrack cannot place are let through (nf_conntrack_tcp_be_liberal). */
  readonly conntrackIsLiberal?: boolean
}

export interface IPVSOptions {
  /** `rr` by default. */
  readonly scheduler?: string
  readonly strictARP?: boolean
}
