import { statfsSync } from 'node:fs'
import { type Iptables, openIptables } from '#kernel/iptables/iptables.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { LinkSettings, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { currentNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import type { NftRules } from '#kernel/nft/rules/model.ts'
import { openNftRules } from '#kernel/nft/rules/open-nft-rules.ts'
import type { CNICall } from '../protocol/cni-call.ts'
import { CNI_CODE, CNIError } from '../protocol/cni-error.ts'
import type { CNIResult } from '../protocol/result.ts'
import type { CNIVersion } from '../protocol/version.ts'

/** A CNI plugin as functions: whoever calls them, by exec or in-process, does so with a checked call. */
export interface Plugin {
  /** The oldest version of the specification that it can be called with; absent: any. */
  readonly since?: CNIVersion
  add(call: CNICall, host: PluginHost): Promise<CNIResult>
  /** Idempotent; the namespace and the previous result may be gone. */
  del(call: CNICall, host: PluginHost): Promise<void>
  /** @throws CNIError where something of the attachment is missing */
  check(call: CNICall, host: PluginHost): Promise<void>
  /**
   * Puts back what somebody took of an attachment whose pod is there; called as CHECK is. Absent: what is taken stays away.
   * @returns whether anything was missing
   */
  keep?(call: CNICall, place: KeepPlace): Promise<boolean>
  /** How the pod's interface and sysctls are to be kept; called as CHECK is. Pure. */
  settings?(call: CNICall): PodSettings
  /** Frees what belongs to no valid attachment. Absent: nothing of it outlives an attachment. */
  gc?(call: CNICall, host: PluginHost): Promise<void>
  /** @throws CNIError 50 or 51 where ADD cannot succeed now. Absent: it always can. */
  status?(call: CNICall, host: PluginHost): Promise<void>
}

export interface KeepPlace {
  readonly host: PluginHost
  /** The pod's namespace. */
  readonly netns: Netns
  /** Of rules in nftables it is only seen whose they are: something of theirs is not as it was. */
  readonly rewritesRules: boolean
}

/** Of several plugins of a chain the last that says something counts. */
export interface PodSettings {
  /** Of the pod's namespace, by the names of sysctl(8). They send no news when they change. */
  readonly sysctls?: ReadonlyMap<string, string>
  /** Of the pod's interface. */
  readonly link?: Pick<
    LinkSettings,
    'mac' | 'mtuBytes' | 'promiscuous' | 'allMulticast' | 'txQueueLength'
  >
}

/** The node's side of an attachment: what plugins touch outside of the pod. Sockets are opened at first use and kept. */
export interface PluginHost extends Disposable {
  /** The node's namespace. */
  readonly netns: Netns
  readonly rtnetlink: Rtnetlink
  readonly nft: Nft
  readonly rules: NftRules
  readonly iptables: Iptables
}

/** @param netns the node's namespace, by default the caller's; the host closes what it opens, not this */
export function createPluginHost(netns?: Netns): PluginHost {
  const stack = new DisposableStack()
  const own = netns ?? stack.use(currentNetns())
  let rtnetlink: Rtnetlink | undefined
  let nft: Nft | undefined
  let rules: NftRules | undefined
  let iptables: Iptables | undefined
  return {
    netns: own,
    get rtnetlink() {
      rtnetlink ??= stack.use(openRtnetlink(own))
      return rtnetlink
    },
    get nft() {
      nft ??= stack.use(openNft(own))
      return nft
    },
    get rules() {
      rules ??= stack.use(openNftRules(() => this.nft, own))
      return rules
    },
    get iptables() {
      iptables ??= stack.use(openIptables(own))
      return iptables
    },
    [Symbol.dispose]: () => stack.dispose(),
  }
}

/** The pod's namespace. @throws CNIError where there is none, or where it is the node's own */
export function openPodNetns(
  call: CNICall,
  host: PluginHost,
  describe = (why: string) => `failed to open netns "${call.netns}": ${why}`,
): Netns {
  const netns = openOr(call.netns, (error) => {
    throw new CNIError(CNI_CODE.internal, describe(whyNotOpen(call.netns)), { cause: error })
  })
  if (netns.inode !== host.netns.inode || call.netnsOverride) return netns
  netns[Symbol.dispose]()
  throw new CNIError(
    CNI_CODE.badNetns,
    "plugin's netns and netns from CNI_NETNS should not be the same",
  )
}

/** The pod's namespace if it still exists. */
export function openPodNetnsIfThere({ netns }: CNICall): Netns | undefined {
  return netns === '' ? undefined : openOr(netns, () => undefined)
}

/** In the words of containernetworking/plugins, pkg/ns. */
function whyNotOpen(path: string): string {
  try {
    return `unknown FS magic on "${path}": ${statfsSync(path).type.toString(16)}`
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'no such file or directory' : message
    return `failed to Statfs "${path}": ${why}`
  }
}

function openOr<T>(path: string, otherwise: (error: KernelError) => T): Netns | T {
  try {
    return openNetns(path)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return otherwise(error)
  }
}
