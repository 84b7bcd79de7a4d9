import type { CIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { PortMapping, PortmapConfig } from './config.ts'

/*
 * The reference plugin's nftables form, chain by chain and rule by rule (plugins/meta/portmap/portmap_nftables.go), so that either
 * can remove what the other added. A rule's comment is the id of its container.
 */

export const PORT_MAP_TABLE = 'cni_hostport'

/** Where rules with a container's comment are. */
export const PORT_MAP_CHAINS = ['hostports', 'hostip_hostports', 'masquerading'] as const

/** nft(8) text that adds the port map of one pod address. Adding what exists changes nothing. */
export function planPortMap(
  { mappings, snat }: PortmapConfig,
  containerID: string,
  { address: pod }: CIDR,
): string {
  const family = familyOf(pod)
  const table = `${wordOf(family)} ${PORT_MAP_TABLE}`
  const own = mappings.filter(({ hostIP }) => !hostIP || familyOf(hostIP) === family)
  const rules = [
    ...own.map((mapping) => planMapping(mapping, pod)),
    ...(snat ? planMasquerading(pod) : []),
  ]
  return [
    `add table ${table} { comment "CNI portmap plugin"; }`,
    `add chain ${table} hostports`,
    `add chain ${table} hostip_hostports`,
    `add chain ${table} hostports_all`,
    `flush chain ${table} hostports_all`,
    `add rule ${table} hostports_all jump hostip_hostports`,
    `add rule ${table} hostports_all jump hostports`,
    // Of priority -100 by number: nft 1.0.6 knows the word dstnat in prerouting only.
    ...['prerouting', 'output'].flatMap((hook) => [
      `add chain ${table} ${hook} { type nat hook ${hook} priority -100; }`,
      `flush chain ${table} ${hook}`,
      `add rule ${table} ${hook} fib daddr type local jump hostports_all`,
    ]),
    ...(snat
      ? [`add chain ${table} masquerading { type nat hook postrouting priority srcnat; }`]
      : []),
    ...rules.map(
      ({ chain, rule }) => `add rule ${table} ${chain} ${rule} comment "${containerID}"`,
    ),
    '',
  ].join('\n')
}

interface PlannedRule {
  readonly chain: (typeof PORT_MAP_CHAINS)[number]
  readonly rule: string
}

function planMapping(
  { hostIP, hostPort, protocol, containerPort }: PortMapping,
  pod: IP,
): PlannedRule {
  const ip = wordOf(familyOf(pod))
  const target = ip === 'ip' ? `${pod}:${containerPort}` : `[${pod}]:${containerPort}`
  const translate = `${protocol} dport ${hostPort} dnat to ${target}`
  return hostIP === undefined || isUnspecified(hostIP)
    ? { chain: 'hostports', rule: translate }
    : { chain: 'hostip_hostports', rule: `${ip} daddr ${hostIP} ${translate}` }
}

/** A pod that reaches itself by its host port, and 127.0.0.1: replies to either would not pass the node. */
function planMasquerading(pod: IP): readonly PlannedRule[] {
  const ip = wordOf(familyOf(pod))
  const sources = ip === 'ip' ? [pod, '127.0.0.1'] : [pod]
  return sources.map((source) => ({
    chain: 'masquerading',
    rule: `${ip} saddr ${source} ${ip} daddr ${pod} masquerade`,
  }))
}

function isUnspecified(address: IP): boolean {
  return address === '0.0.0.0' || address === '::'
}

function wordOf(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6'
}
