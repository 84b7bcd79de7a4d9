import { KernelError } from '#kernel/kernel-error.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'

const SYSCTLS: readonly (readonly [string, string])[] = [
  ['net.ipv4.ip_forward', '1'],
  ['net.ipv4.conf.all.rp_filter', '0'],
  ['net.ipv4.conf.default.rp_filter', '0'],
  ['net.ipv4.conf.all.send_redirects', '0'],
  ['net.ipv4.conf.default.send_redirects', '0'],
  // On by default where br_netfilter is loaded: what works without it must not be proven with it.
  ['net.bridge.bridge-nf-call-iptables', '0'],
  ['net.bridge.bridge-nf-call-ip6tables', '0'],
  ['net.bridge.bridge-nf-call-arptables', '0'],
]

/** Sets a lab's namespace up as layer 1 sets up a node. */
export function prepareNode(netns: Netns): void {
  for (const [name, value] of SYSCTLS) {
    try {
      writeSysctl(name, value, netns)
    } catch (error) {
      if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
    }
  }
}
