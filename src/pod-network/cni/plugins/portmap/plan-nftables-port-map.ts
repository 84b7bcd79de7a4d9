import { createHash } from 'node:crypto'
import type { CIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import { isUnspecified, mappingsOf, type PortMapping, type PortmapConfig } from './config.ts'
import type { PortMapOwner } from './plan-iptables-port-map.ts'

/*
 * The reference plugin's nftables form, chain by chain and rule by rule (plugins/meta/portmap/portmap_nftables.go), so that either
 * can remove what the other added. A rule's comment is the id of its container.
 */

export const PORT_MAP_TABLE = 'cni_hostport'

/** Where what sends packets to pods is; HEAD of the reference has all in the second, and looks for them there. */
export const PORT_CHAINS: readonly string[] = ['hostip_hostports', 'hostports']
export const MASQUERADING_CHAIN = 'masquerading'
const HASH_CHARACTERS = 16

/**
 * Ours, and no packet passes it: the containers of one network that have port maps. A rule's comment names its container only, and GC
 * asks by network.
 */
export function networkChain(networkName: string): string {
  return `net-${createHash('sha512').update(networkName).digest('hex').slice(0, HASH_CHARACTERS)}`
}

/** nft(8) text that adds the port map of one pod address. Adding what exists changes nothing. */
export function planNftablesPortMap(
  config: PortmapConfig,
  { networkName, containerID }: PortMapOwner,
  { address: pod }: CIDR,
): string {
  const { snat } = config
  const family = familyOf(pod)
  const table = `${wordOf(family)} ${PORT_MAP_TABLE}`
  const conditions = family === 4 ? config.conditionsV4 : config.conditionsV6
  const entry = [...conditions, 'fib daddr type local', 'jump hostports_all'].join(' ')
  const rules = [
    ...mappingsOf(config, pod).map((mapping) => planMapping(mapping, pod)),
    ...(snat ? planMasquerading(config, pod) : []),
    `add rule ${table} ${networkChain(networkName)} return`,
  ]
  return [
    `add table ${table} { comment "CNI portmap plugin"; }`,
    ...['hostports', 'hostip_hostports', 'hostports_all', networkChain(networkName)].map(
      (chain) => `add chain ${table} ${chain}`,
    ),
    `flush chain ${table} hostports_all`,
    `add rule ${table} hostports_all jump hostip_hostports`,
    `add rule ${table} hostports_all jump hostports`,
    // Of priority -100 by number: nft 1.0.6 knows the word dstnat in prerouting only.
    ...['prerouting', 'output'].flatMap((hook) => [
      `add chain ${table} ${hook} { type nat hook ${hook} priority -100; }`,
      `flush chain ${table} ${hook}`,
      `add rule ${table} ${hook} ${entry}`,
    ]),
    ...(snat
      ? [`add chain ${table} ${MASQUERADING_CHAIN} { type nat hook postrouting priority srcnat; }`]
      : []),
    ...rules.map((rule) => `${rule} comment "${containerID}"`),
    '',
  ].join('\n')
}

/** What names an address of the node goes before what does not. */
function planMapping({ hostIP, hostPort, protocol, containerPort }: PortMapping, pod: IP): string {
  const ip = wordOf(familyOf(pod))
  const target = ip === 'ip' ? `${pod}:${containerPort}` : `[${pod}]:${containerPort}`
  const translate = `${protocol} dport ${hostPort} dnat to ${target}`
  return hostIP === undefined || isUnspecified(hostIP)
    ? `add rule ${ip} ${PORT_MAP_TABLE} hostports ${translate}`
    : `insert rule ${ip} ${PORT_MAP_TABLE} hostports ${ip} daddr ${hostIP} ${translate}`
}

/** A pod that reaches itself by its host port, and 127.0.0.1: replies to either would not pass the node. */
function planMasquerading({ masqAll }: PortmapConfig, pod: IP): readonly string[] {
  const ip = wordOf(familyOf(pod))
  const all = ip === 'ip' ? '0.0.0.0/0' : '::/0'
  const some = ip === 'ip' ? [pod, '127.0.0.1'] : [pod]
  return (masqAll ? [all] : some).map(
    (source) =>
      `add rule ${ip} ${PORT_MAP_TABLE} ${MASQUERADING_CHAIN} ${ip} saddr ${source} ${ip} daddr ${pod} masquerade`,
  )
}

function wordOf(family: Family): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6'
}
