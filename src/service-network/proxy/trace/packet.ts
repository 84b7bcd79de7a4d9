import { cidrContains } from '#ip/cidr.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import type { Protocol } from '../../model.ts'
import type { ModeOptions } from '../mode.ts'

/**
 * The first packet of a connection, as a test or a person names it. Each mode has a `tracePacket(plan, traced)` in its folder that walks
 * its own plan and says what happens to it, an `Outcome`.
 */
export interface TracedPacket {
  readonly from: string
  /** `10.96.0.20:80/tcp`, `[fd00::1]:80/tcp`, or an address alone for a ping. */
  readonly to: string
  /** The device it comes in by: the pods' for a source in the pods' network, else `eth0`. What the node itself sends has none. */
  readonly via?: string
  /** Which slot chance picks, of the `count` there are. */
  readonly pick?: (count: number) => number
  /** Whether a LoadBalancer address is answered for by this node, that is, routed to the pods' device. */
  readonly isAnnounced?: boolean
}

/** The packet on its way, with what conntrack knows of it. */
export interface Packet {
  saddr: IP
  daddr: IP
  readonly l4proto: Protocol | 'icmp'
  dport: number
  readonly original: { readonly daddr: IP; readonly dport: number }
  isTranslated: boolean
  readonly iifname: string
  oifname: string
}

/** @throws SyntaxError */
export function parsePacket(options: ModeOptions, { from, to, via }: TracedPacket): Packet {
  const destination = parseDestination(to)
  const saddr = parseIP(from)
  if (!saddr || !destination) throw new SyntaxError(`Cannot parse packet: ${from} to ${to}`)
  const { ip: daddr, port: dport, protocol } = destination
  const isPod = cidrContains(options.podCIDR, saddr)
  return {
    saddr,
    daddr,
    l4proto: protocol ?? 'icmp',
    dport,
    original: { daddr, dport },
    isTranslated: false,
    iifname: saddr === options.nodeIP ? '' : (via ?? (isPod ? options.podDevice : 'eth0')),
    oifname: '',
  }
}

/** Reads `10.96.0.20:80/tcp`, `[fd00::1]:80/tcp`, or an address alone, whose port is 0. */
export function parseDestination(
  text: string,
): { readonly ip: IP; readonly port: number; readonly protocol?: Protocol } | undefined {
  const alone = parseIP(text)
  if (alone) return { ip: alone, port: 0 }
  const [, v6, v4, port, protocol] =
    /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})\/(tcp|udp|sctp)$/.exec(text) ?? []
  const ip = parseIP(v6 ?? v4 ?? '')
  return ip && { ip, port: Number(port), protocol: protocol as Protocol }
}
