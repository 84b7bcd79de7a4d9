import { type CIDR, cidrContains } from '#ip/cidr.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import {
  changedServices,
  type ProxiedPort,
  type ProxiedService,
  type ServiceModel,
} from '../model.ts'

/*
 * conntrack translates a flow as it did its first packet. A TCP client notices that its endpoint is gone; a UDP client that keeps its
 * port (a resolver, a metrics sender) would send into the void for as long as it sends, so its entry must go. The same for flows that
 * were let through untranslated, before there was a Service or an endpoint.
 */

/** A UDP flow as conntrack shows it. `reply` is who answers: the endpoint, or the frontend itself where nothing was translated. */
export interface UDPFlow {
  readonly source: Peer
  readonly frontend: Peer
  readonly reply: Peer
}

export interface Peer {
  readonly ip: IP
  readonly port: number
}

/** conntrack of one network namespace. */
export interface ConntrackFlusher {
  udpFlows(): Promise<readonly UDPFlow[]>
  /** Deletes some of those that it gave. Is quiet about a flow that is gone already. */
  deleteUDPFlows(flows: readonly UDPFlow[]): Promise<void>
}

/** The endpoints, and relays to them, that flows may go to. */
export interface UDPTargets {
  readonly frontends: ReadonlyMap<string, ReadonlySet<string>>
  /** Where nodePorts are open on more addresses than those of frontends, such as 127.0.0.1: on whichever of the node's. */
  readonly nodePorts: ReadonlyMap<number, ReadonlySet<string>>
}

/** Where a mode itself listens for the datagrams of a Service's port, and finds an endpoint for each (userspace). */
export type RelaysOf = (service: ProxiedService, port: ProxiedPort) => readonly Peer[]

/** Those frontends whose flows a change may have made stale: all of changed Services, also ones that are gone. */
export function changedUDPTargets(
  before: ServiceModel | undefined,
  after: ServiceModel,
  relaysOf: RelaysOf = () => [],
): UDPTargets {
  const frontends = new Map<string, Set<string>>()
  const nodePorts = new Map<number, Set<string>>()
  const enter = (service: ProxiedService | undefined, isCurrent: boolean) => {
    if (!service) return
    for (const port of service.ports) {
      if (port.protocol !== 'udp') continue
      const { cluster, local, draining } = port.endpoints
      const live = isCurrent
        ? [...cluster, ...local, ...draining, ...relaysOf(service, port)].map(textOf)
        : []
      for (const frontend of port.frontends) addTo(frontends, textOf(frontend), live)
      if (port.nodePort !== undefined) addTo(nodePorts, port.nodePort, live)
    }
  }
  const keys = before ? changedServices(before, after) : [...after.keys()]
  for (const key of keys) enter(before?.get(key), false)
  for (const key of keys) enter(after.get(key), true)
  return { frontends, nodePorts }
}

function addTo<K>(map: Map<K, Set<string>>, key: K, values: readonly string[]): void {
  map.set(key, new Set([...(map.get(key) ?? []), ...values]))
}

export interface StaleOptions {
  /** Asked of the destinations of flows to nodePorts. */
  readonly isOfNode: (ip: IP) => boolean
  /** Given where nothing is known of before, as at start: then a flow to an address of them that is no frontend is stale too. */
  readonly serviceCIDRs?: readonly CIDR[]
}

export function selectStaleFlows(
  flows: readonly UDPFlow[],
  { frontends, nodePorts }: UDPTargets,
  { isOfNode, serviceCIDRs = [] }: StaleOptions,
): readonly UDPFlow[] {
  return flows.filter(({ frontend, reply }) => {
    const live =
      frontends.get(textOf(frontend)) ??
      (isOfNode(frontend.ip) ? nodePorts.get(frontend.port) : undefined)
    if (live) return !live.has(textOf(reply))
    return serviceCIDRs.some((range) => cidrContains(range, frontend.ip))
  })
}

function textOf({ ip, port }: Peer): string {
  return `${ip}:${port}`
}

/** Reads lines of `conntrack -L`: the original direction, then the reply's. Lines that are none are left out. */
export function parseUDPFlows(text: string): readonly UDPFlow[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('udp ')) return []
    const value = (name: string) =>
      [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map(([, found]) => found ?? '')
    const peer = (ipText = '', port = '') => {
      const ip = parseIP(ipText)
      return ip && /^\d+$/.test(port) ? { ip, port: Number(port) } : undefined
    }
    const [src, dst, sport, dport] = ['src', 'dst', 'sport', 'dport'].map(value)
    const source = peer(src?.[0], sport?.[0])
    const frontend = peer(dst?.[0], dport?.[0])
    const reply = peer(src?.[1], sport?.[1])
    return source && frontend && reply ? [{ source, frontend, reply }] : []
  })
}
