import { KernelError } from '#kernel/kernel-error.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import type { ModeOptions } from '../mode.ts'

/**
 * As kube-proxy sets them (k/k pkg/proxy/ipvs/proxier.go: NewProxier). `conn_reuse_mode` stays as it is: from Linux 5.9 on its default is
 * right (k/k#93297).
 */
export function planIPVSSysctls({ ipvs }: Pick<ModeOptions, 'ipvs'>): ReadonlyMap<string, number> {
  return new Map([
    // IPVS tells conntrack what it translated: masquerading and `ctstate` need that.
    ['net.ipv4.vs.conntrack', 1],
    // A connection whose destination is gone ends at its next packet, and a client that stayed with it is free to go elsewhere.
    ['net.ipv4.vs.expire_nodest_conn', 1],
    ['net.ipv4.vs.expire_quiescent_template', 1],
    ['net.ipv4.ip_forward', 1],
    // The virtual addresses are every node's own: without these each would answer ARP for them on the nodes' network.
    ...(ipvs?.strictARP
      ? ([
          ['net.ipv4.conf.all.arp_ignore', 1],
          ['net.ipv4.conf.all.arp_announce', 2],
        ] as const)
      : []),
  ])
}

export function writeIPVSSysctls(options: ModeOptions, netns: Netns | undefined): void {
  for (const [name, value] of planIPVSSysctls(options)) {
    try {
      writeSysctl(name, value, netns)
    } catch (error) {
      if (!(error instanceof KernelError && error.errno === 'EACCES')) throw error
    }
  }
}
