import type { Iptables } from '#kernel/iptables/iptables.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Link, Qdisc } from '#kernel/netlink/model.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import type { PluginHost } from './cni/plugins/plugin.ts'
import { LOCALNET_TABLE } from './cni/plugins/portmap/localhost.ts'
import { PORT_MAP_TABLE } from './cni/plugins/portmap/plan-nftables-port-map.ts'

/**
 * What of a node belongs to attached pods, a line each: bridges and what is in them, cables that are in none, addresses and routes
 * on them, queues, rules, sysctls.
 */
export interface NodePicture {
  /** Each with what it is about: a cable, rules that have to be written anew, or the node. */
  readonly lines: ReadonlyMap<string, Subject>
  /** The cables into each namespace, by its number here. */
  readonly cables: ReadonlyMap<number, readonly string[]>
}

type Subject = 'node' | 'rules' | { readonly cable: string }

/** What is no more. What comes is no loss: pods come. */
export interface Loss {
  readonly lines: readonly string[]
  readonly cables: ReadonlySet<string>
  readonly rules: readonly string[]
  /** Something that all pods share. */
  readonly isOfNode: boolean
}

/** Looks without knowing of any pod: some milliseconds, however many there are. @param looksAtIptables that costs processes */
export function takePicture(host: PluginHost, looksAtIptables = false): NodePicture {
  const links = host.rtnetlink.links()
  const bridges = links.filter(({ kind }) => kind === 'bridge')
  const names = new Map(bridges.map(({ index, name }) => [index, name]))
  const ports = links.filter(({ masterIndex = 0 }) => names.has(masterIndex))
  const loose = links.filter(({ name, masterIndex }) => OWN_CABLE.test(name) && !masterIndex)
  const ifbs = links.filter(({ kind }) => kind === 'ifb')
  const lines = new Map<string, Subject>()
  const add = (subject: Subject, found: readonly string[]) => {
    for (const line of found) lines.set(line, subject)
  }
  add('node', [...bridges, ...ifbs].map(describe))
  for (const port of ports) {
    const { hairpin, isolated, peerNetnsID } = port
    const bridge = names.get(port.masterIndex!)
    const line = `${describe(port)} to ${peerNetnsID} in ${bridge} ${hairpin} ${isolated}`
    add({ cable: port.name }, [line])
  }
  for (const { name, line } of ofLooseCables(loose, host)) add({ cable: name }, [line])
  const addresses = host.rtnetlink
    .addresses()
    .filter(({ device }) => bridges.some(({ name }) => name === device))
    .map(({ device, address: { address, prefixLength } }) => `${device} ${address}/${prefixLength}`)
  add('node', addresses)
  for (const qdisc of host.rtnetlink.qdiscs()) {
    if (qdisc.kind === 'other') continue
    const isIFB = ifbs.some(({ name }) => name === qdisc.device)
    add(isIFB ? 'node' : { cable: qdisc.device }, describeQueue(qdisc, host))
  }
  add('node', sysctlsOf(bridges, host))
  add('rules', rules(host))
  if (looksAtIptables) add('node', iptablesRules(host.iptables))
  return { lines, cables: groupCables(links) }
}

/** What went between two pictures. */
export function findLoss(before: NodePicture, now: NodePicture): Loss {
  const lost = [...before.lines].filter(([line]) => !now.lines.has(line))
  return {
    lines: lost.map(([line]) => line),
    cables: new Set(lost.flatMap(([, it]) => (typeof it === 'object' ? [it.cable] : []))),
    rules: lost.flatMap(([line, it]) => (it === 'rules' ? [line] : [])),
    isOfNode: lost.some(([, it]) => it === 'node'),
  }
}

export function hasLost(before: NodePicture, now: NodePicture): boolean {
  return [...before.lines.keys()].some((line) => !now.lines.has(line))
}

/** Rules of container plugins in iptables, of any family and table that they have. */
export function iptablesRules(iptables: Iptables): readonly string[] {
  return ([4, 6] as const).flatMap((family) =>
    (['nat', 'filter'] as const).flatMap((table) => {
      try {
        const lines = iptables.save(family, table).split('\n')
        return lines
          .filter((line) => line.startsWith('-A') && line.includes('CNI-'))
          .map((line) => `${family} ${table} ${line}`)
      } catch (error) {
        if (error instanceof KernelError) return []
        throw error
      }
    }),
  )
}

/** `hostVethName()` */
const OWN_CABLE = /^veth[0-9a-f]{11}$/

function describe({ name, kind, up, mac, mtuBytes, noARP, promiscuous, vlanFiltering }: Link) {
  return `${name} ${kind} ${up} ${mac} ${mtuBytes} ${noARP} ${promiscuous} ${vlanFiltering}`
}

/** Those that are no ports: on the node they have addresses and routes of their own. */
function ofLooseCables(loose: readonly Link[], { rtnetlink }: PluginHost) {
  if (loose.length === 0) return []
  const isLoose = (device: string | undefined) => loose.some(({ name }) => name === device)
  return [
    ...loose.map((link) => ({
      name: link.name,
      line: `${describe(link)} to ${link.peerNetnsID}`,
    })),
    ...rtnetlink
      .addresses()
      .filter(({ device }) => isLoose(device))
      .map(({ device, address }) => ({ name: device, line: `${device} ${address.address}` })),
    ...rtnetlink
      .routes()
      .filter(({ device }) => isLoose(device))
      .map(({ device = '', destination }) => ({
        name: device,
        line: `${destination?.address}/${destination?.prefixLength} by ${device}`,
      })),
  ]
}

function describeQueue(qdisc: Qdisc, { rtnetlink }: PluginHost): readonly string[] {
  const { device, kind } = qdisc
  if (kind === 'tbf') {
    const { rateBytesPerSecond, limitBytes } = qdisc
    return [`${device} ${kind} ${rateBytesPerSecond} ${limitBytes}`]
  }
  return rtnetlink.ingressRedirects(device).map(({ target }) => `${device} to ${target}`)
}

/** Where 127.0.0.1 reaches pods, and what the `bridge` plugin sets. */
function sysctlsOf(bridges: readonly Link[], { netns }: PluginHost): readonly string[] {
  return bridges.flatMap(({ name }) => {
    const device = name.replaceAll('.', '/')
    const wanted = [
      [`net.ipv4.conf.${device}.route_localnet`, '1'],
      [`net.ipv4.conf.${device}.send_redirects`, '0'],
      [`net.ipv6.conf.${device}.accept_ra`, '0'],
    ] as const
    return wanted.flatMap(([sysctl, value]) => {
      try {
        return readSysctl(sysctl, netns) === value ? [`${sysctl} = ${value}`] : []
      } catch (error) {
        if (error instanceof KernelError) return []
        throw error
      }
    })
  })
}

/** Other tables are none of ours. */
const TABLES = [
  `ip ${PORT_MAP_TABLE}`,
  `ip6 ${PORT_MAP_TABLE}`,
  `ip ${LOCALNET_TABLE}`,
  'inet cni_plugins_masquerade',
  'bridge nat',
]

function rules({ nft }: PluginHost): readonly string[] {
  return TABLES.flatMap((table) => {
    try {
      const shown = nft.read(`list table ${table}`)
      // Ours alone: what comes into it is as bad as what goes.
      if (table === `ip ${LOCALNET_TABLE}`) return [shown]
      let chain = ''
      return shown.split('\n').map((line) => {
        if (/^\s*chain /.test(line)) chain = line.trim()
        return `${table} ${chain} ${line.trim()}`
      })
    } catch (error) {
      if (error instanceof KernelError) return []
      throw error
    }
  })
}

function groupCables(links: readonly Link[]): ReadonlyMap<number, readonly string[]> {
  const cables = new Map<number, string[]>()
  for (const { name, peerNetnsID } of links) {
    if (peerNetnsID === undefined) continue
    cables.set(peerNetnsID, [...(cables.get(peerNetnsID) ?? []), name])
  }
  return cables
}
