import type { IP } from '#ip/ip.ts'
import type { Protocol } from '../../model.ts'
import type { Packet } from '../trace/packet.ts'
import type { Field } from './nft-plan.ts'

/** What an expression of nft gives of a packet. */
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
    case 'meta priority':
      return 0
    case 'ct original ip daddr':
      return packet.original.daddr
    case 'ct original proto-dst':
      return packet.original.dport
    default:
      return packet.dport
  }
}
