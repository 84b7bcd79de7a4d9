import { cidrContains } from '#ip/cidr.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import type { Protocol } from '../../model.ts'
import type { Field, ProxyPlanOptions } from './nft-plan.ts'

/** The first packet of a connection, as a test or a person names it. */
export interface TracedPacket {
  readonly from: string
  /** `10.96.0.20:80/tcp`, or an address alone for a ping. */
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
  readonly saddr: IP
  daddr: IP
  readonly l4proto: Protocol | 'icmp'
  dport: number
  readonly original: { readonly daddr: IP; readonly dport: number }
  isTranslated: boolean
  readonly iifname: string
  oifname: string
}

/** @throws SyntaxError */
export function parsePacket(options: ProxyPlanOptions, { from, to, via }: TracedPacket): Packet {
  const [, address = '', port, protocol] = /^([^:]+)(?::(\d+)\/(tcp|udp|sctp))?$/.exec(to) ?? []
  const [saddr, daddr] = [parseIP(from), parseIP(address)]
  if (!saddr || !daddr) throw new SyntaxError(`Cannot parse packet: ${from} to ${to}`)
  const dport = Number(port ?? 0)
  const isPod = cidrContains(options.podCIDR, saddr)
  return {
    saddr,
    daddr,
    l4proto: (protocol as Protocol | undefined) ?? 'icmp',
    dport,
    original: { daddr, dport },
    isTranslated: false,
    iifname: saddr === options.nodeIP ? '' : (via ?? (isPod ? options.podDevice : 'eth0')),
    oifname: '',
  }
}

export function fieldOf(
  packet: Packet,
  field: Exclude<Field, 'slot'>,
): IP | Protocol | 'icmp' | number {
  switch (field) {
    case 'ip saddr':
      return packet.saddr
    case 'ip daddr':
      return packet.daddr
    case 'meta l4proto':
      return packet.l4proto
    case 'ct original ip daddr':
      return packet.original.daddr
    case 'ct original proto-dst':
      return packet.original.dport
    default:
      return packet.dport
  }
}
