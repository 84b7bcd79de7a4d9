import { cidrContains, networkOf } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import type { PluginHost } from '../plugin.ts'

/*
 * A host port is reached by 127.0.0.1 on the node too. That packet leaves by the pod's bridge with a loopback address, which Linux
 * lets through with route_localnet only; but that also lets in what neighbours send to 127.0.0.1 (CVE-2020-8558). So whoever sets
 * it, drops these.
 */

/** Dropped before anything else sees them; replies come with the node's own address, since 127.0.0.1 is masqueraded. */
export const LOCALNET_GUARD = `table ip fairlead-localnet {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    iifname != "lo" ip saddr 127.0.0.0/8 drop
  }
}
`

/** The guard comes first: there is no moment without it. */
export function openLocalhost(pod: IP, { rtnetlink, nft, netns }: PluginHost): void {
  const device = rtnetlink
    .addresses()
    .find(
      ({ address }) => address.prefixLength < 32 && cidrContains(networkOf(address), pod),
    )?.device
  if (!device) return
  const sysctl = `net.ipv4.conf.${device.replaceAll('.', '/')}.route_localnet`
  if (readSysctl(sysctl, netns) === '1') return
  nft.commit(`add table ip fairlead-localnet\ndelete table ip fairlead-localnet\n${LOCALNET_GUARD}`)
  writeSysctl(sysctl, 1, netns)
}
