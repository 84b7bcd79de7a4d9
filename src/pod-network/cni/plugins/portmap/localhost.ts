import type { IP } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import type { PluginHost } from '../plugin.ts'

/*
 * A host port is reached by 127.0.0.1 on the node too. That packet leaves by the pod's bridge with a loopback address, which Linux
 * lets through with route_localnet only; but that also lets in what neighbours send to 127.0.0.1 (CVE-2020-8558). So whoever sets
 * it, drops these.
 */

export const LOCALNET_TABLE = 'fairlead-localnet'

/** Dropped before anything else sees them; replies come with the node's own address, since 127.0.0.1 is masqueraded. */
export const LOCALNET_GUARD = `table ip fairlead-localnet {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
    iifname != "lo" ip saddr 127.0.0.0/8 drop
  }
}
`

/** The same for a kernel without nf_tables; the checks tell whether it is there. */
const GUARD_RULES = ['-d', '-s'].map(
  (side) => `PREROUTING ! -i lo ${side} 127.0.0.0/8 -m comment --comment fairlead-localnet -j DROP`,
)

/** The guard comes first: there is no moment without it. @returns whether anything had to be done */
export function openLocalhost(pod: IP, host: PluginHost): boolean {
  const { rtnetlink, netns } = host
  const device = rtnetlink.deviceTo(pod)
  if (!device) return false
  const sysctl = `net.ipv4.conf.${device.replaceAll('.', '/')}.route_localnet`
  if (readSysctl(sysctl, netns) === '1' && hasGuard(host)) return false
  addGuard(host)
  writeSysctl(sysctl, 1, netns)
  return true
}

/** Somebody else may have set route_localnet, the reference plugins among them, who guard nothing; or emptied the chain. */
function hasGuard(host: PluginHost): boolean {
  const held = contentOfGuard(host)
  if (held === undefined) return false
  if (seen.get(host) === held) return true
  if (!isGuard(host)) return false
  seen.set(host, held)
  return true
}

/** What the guard was when its words were read last: nft(8) reads all tables for them. */
const seen = new WeakMap<PluginHost, string>()

function contentOfGuard({ rules }: PluginHost): string | undefined {
  try {
    const held = rules.list({ family: 'ip', table: LOCALNET_TABLE })
    return held.map(({ chain, content }) => `${chain} ${content}`).join('\n')
  } catch {
    return undefined // no nf_tables
  }
}

const GUARDS = ['daddr', 'saddr'].map((side) => `iifname != "lo" ip ${side} 127.0.0.0/8 drop`)
const NO_RULE = /^(?:table .*|chain .*|type filter hook prerouting .*|\}|)$/

function isGuard({ nft }: PluginHost): boolean {
  try {
    const lines = nft.read('list table ip fairlead-localnet').split('\n')
    const rules = lines.map((line) => line.trim()).filter((line) => !NO_RULE.test(line))
    return rules.join() === GUARDS.join()
  } catch {
    return false
  }
}

function addGuard({ nft, iptables }: PluginHost): void {
  try {
    nft.commit(
      `add table ip fairlead-localnet\ndelete table ip fairlead-localnet\n${LOCALNET_GUARD}`,
    )
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    for (const rule of GUARD_RULES) {
      try {
        iptables.restore(4, `*raw\n-C ${rule}\nCOMMIT\n`)
      } catch {
        iptables.restore(4, `*raw\n-I ${rule}\nCOMMIT\n`)
      }
    }
  }
}
