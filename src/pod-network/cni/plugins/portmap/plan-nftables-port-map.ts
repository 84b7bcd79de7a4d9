import { hash } from 'node:crypto'
import { type CIDR, cidr } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ip } from '#ip/ip.ts'
import type { NftChange, Rule, TableName } from '#kernel/nft/rules/model.ts'
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
const ALL_PORTS_CHAIN = 'hostports_all'
/** Chains that all port maps share, each with how many rules lead on from it. */
export const SHARED_CHAINS: ReadonlyMap<string, number> = new Map([
  [ALL_PORTS_CHAIN, PORT_CHAINS.length],
  ['prerouting', 1],
  ['output', 1],
])
/** NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC. */
const [DSTNAT, SRCNAT] = [-100, 100]
const HASH_CHARACTERS = 16

/**
 * Ours, and no packet passes it: the containers of one network that have port maps. A rule's comment names its container only, and GC
 * asks by network.
 */
export function networkChain(networkName: string): string {
  return `net-${hash('sha512', networkName).slice(0, HASH_CHARACTERS)}`
}

/** What adds the port map of one pod address. Adding what exists changes nothing. */
export function planNftablesPortMap(
  config: PortmapConfig,
  { networkName, containerID: comment }: PortMapOwner,
  { address: pod }: CIDR,
): readonly NftChange[] {
  const { snat } = config
  const family = familyOf(pod)
  const table = tableOf(family)
  const conditions = family === 4 ? config.conditionsV4 : config.conditionsV6
  const entry: Rule = {
    when: [...conditions.map((words) => ({ is: 'words', words }) as const), { is: 'for us' }],
    verdict: { do: 'jump', chain: ALL_PORTS_CHAIN },
  }
  const add = (chain: string, rule: Rule): NftChange => ({
    ...{ change: 'add rule', ...table, chain, ...rule },
  })
  const flush = (chain: string): NftChange => ({ change: 'flush chain', ...table, chain })
  const own = networkChain(networkName)
  return [
    { change: 'add table', ...table, comment: 'CNI portmap plugin' },
    ...['hostports', 'hostip_hostports', ALL_PORTS_CHAIN, own].map(
      (chain): NftChange => ({ change: 'add chain', ...table, chain }),
    ),
    flush(ALL_PORTS_CHAIN),
    ...PORT_CHAINS.map((chain) => add(ALL_PORTS_CHAIN, { verdict: { do: 'jump', chain } })),
    ...(['prerouting', 'output'] as const).flatMap((hook): NftChange[] => [
      { change: 'add chain', ...table, chain: hook, hook: { type: 'nat', hook, priority: DSTNAT } },
      flush(hook),
      add(hook, entry),
    ]),
    ...(snat ? [MASQUERADING(table)] : []),
    ...mappingsOf(config, pod).map((mapping) => planMapping(mapping, pod, comment)),
    ...(snat ? planMasquerading(config, pod) : []).map((rule) =>
      add(MASQUERADING_CHAIN, { ...rule, comment }),
    ),
    add(own, { verdict: { do: 'return' }, comment }),
  ]
}

const MASQUERADING = (table: TableName): NftChange => ({
  ...{ change: 'add chain', ...table, chain: MASQUERADING_CHAIN },
  hook: { type: 'nat', hook: 'postrouting', priority: SRCNAT },
})

/** What names an address of the node goes before what does not. */
function planMapping(
  { hostIP, hostPort, protocol, containerPort }: PortMapping,
  pod: IP,
  comment: string,
): NftChange {
  const isOfAll = hostIP === undefined || isUnspecified(hostIP)
  return {
    change: isOfAll ? 'add rule' : 'insert rule',
    ...tableOf(familyOf(pod)),
    chain: 'hostports',
    when: [
      ...(isOfAll ? [] : [{ is: 'daddr', in: hostOf(hostIP) } as const]),
      { is: 'dport', protocol, port: hostPort },
    ],
    verdict: { do: 'dnat', to: pod, port: containerPort },
    comment,
  }
}

/** A pod that reaches itself by its host port, and 127.0.0.1: replies to either would not pass the node. */
function planMasquerading({ masqAll }: PortmapConfig, pod: IP): readonly Rule[] {
  const isV4 = familyOf(pod) === 4
  const some = isV4 ? [pod, ip('127.0.0.1')] : [pod]
  const sources = masqAll ? [cidr(isV4 ? '0.0.0.0/0' : '::/0')] : some.map(hostOf)
  return sources.map((source) => ({
    when: [
      { is: 'saddr', in: source },
      { is: 'daddr', in: hostOf(pod) },
    ],
    verdict: { do: 'masquerade' },
  }))
}

export function tableOf(family: Family): TableName {
  return { family: family === 4 ? 'ip' : 'ip6', table: PORT_MAP_TABLE }
}

function hostOf(address: IP): CIDR {
  return { address, prefixLength: familyOf(address) === 4 ? 32 : 128 }
}
