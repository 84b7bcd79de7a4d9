import { cidrContains } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Packet } from '../trace/packet.ts'
import type { BuiltInChain, Chains, Match, Rule, Table, Target } from './rule.ts'

/** What a packet's way depends on beside the chains. */
export interface Surroundings {
  isLocal(address: IP): boolean
  /** Whether the packet's parts, such as `dst,dst,src`, are in an IP set. */
  isInSet?(set: string, of: string, packet: Packet): boolean
}

/** The packet as chains see and change it. */
export interface WalkedPacket extends Packet {
  isMarked: boolean
}

/** The target that decided, or `undefined` where the packet came through a built-in chain untouched. */
export type Decision = Exclude<
  Target,
  | { readonly kind: 'jump' }
  | { readonly kind: 'return' }
  | { readonly kind: 'mark' }
  | { readonly kind: 'unmark' }
>

/** Walks the jumps of one built-in chain. Marks of the packet change on the way. */
export function walkChains(
  { chains, jumps }: Chains,
  table: Table,
  from: BuiltInChain,
  packet: WalkedPacket,
  surroundings: Surroundings,
): Decision | undefined {
  const walkRules = (rules: readonly Rule[]): Decision | 'return' | undefined => {
    for (const { when, do: target } of rules) {
      if (!when.every((match) => isMet(match, packet, surroundings))) continue
      if (target.kind === 'return') return 'return'
      if (target.kind === 'mark') packet.isMarked = true
      else if (target.kind === 'unmark') packet.isMarked = !packet.isMarked
      else if (target.kind === 'jump') {
        const chain = chains.find(
          ({ name, ...each }) => name === target.chain && each.table === table,
        )
        const decision = walkRules(chain?.rules ?? [])
        if (decision && decision !== 'return') return decision
      } else return target
    }
    return
  }
  const first = jumps.filter(({ at }) => at === 'first').toReversed()
  const last = jumps.filter(({ at }) => at === 'last')
  const decision = walkRules(
    [...first, ...last]
      .filter((jump) => jump.table === table && jump.from === from)
      .map(({ when, to }) => ({ when, do: { kind: 'jump', chain: to } })),
  )
  return decision === 'return' ? undefined : decision
}

/** The packet is the first of its connection. */
function isMet(match: Match, packet: WalkedPacket, surroundings: Surroundings): boolean {
  const negated = 'not' in match && match.not === true
  return holds(match, packet, surroundings) !== negated
}

function holds(match: Match, packet: WalkedPacket, surroundings: Surroundings): boolean {
  switch (match.kind) {
    case 'source':
    case 'destination': {
      const address = match.kind === 'source' ? packet.saddr : packet.daddr
      const { network } = match
      return typeof network === 'string' ? address === network : cidrContains(network, address)
    }
    case 'in-device':
      return match.name.endsWith('+')
        ? packet.iifname.startsWith(match.name.slice(0, -1))
        : packet.iifname === match.name
    case 'protocol':
      return packet.l4proto === match.protocol
    case 'port':
      return packet.l4proto === match.protocol && packet.dport === match.port
    case 'echo-request':
      return packet.l4proto === 'icmp'
    case 'comment':
    case 'not-bridged':
    case 'old-state-new':
      return true
    case 'local-source':
      return surroundings.isLocal(packet.saddr)
    case 'local-destination':
      return surroundings.isLocal(packet.daddr)
    case 'state':
      return match.state === 'NEW' || (match.state === 'DNAT' && packet.isTranslated)
    case 'marked':
      return packet.isMarked
    case 'in-set':
      return surroundings.isInSet?.(match.set, match.of, packet) ?? false
    case 'ipvs':
      return (
        packet.isTranslated &&
        packet.original.daddr === match.ip &&
        packet.original.dport === match.port &&
        packet.l4proto === match.protocol
      )
  }
}
