import { cidr, cidrContains } from '#ip/cidr.ts'
import type { ServiceModel } from '../../model.ts'
import { type Surroundings, type WalkedPacket, walkChains } from '../chains/walk-chains.ts'
import type { ModeOptions } from '../mode.ts'
import { ACCEPTED, DROPPED, type Outcome, REJECTED } from '../trace/outcome.ts'
import { parsePacket, type TracedPacket } from '../trace/packet.ts'
import { planPortals } from './plan-portals.ts'
import { planRelays } from './plan-relays.ts'

const LOOPBACK = [cidr('127.0.0.0/8'), cidr('::1/128')]

/** The first of the ports that stand for those that relays would get by chance. */
const FIRST_PORT = 40_000

/**
 * Walks the chains that the packet would pass, and where they lead to a relay says which endpoint that would connect to; the endpoint sees
 * the node's address. Pure: relays listen on ports that are made up.
 */
export function tracePacket(
  model: ServiceModel,
  options: ModeOptions,
  traced: TracedPacket,
): Outcome {
  const relays = [...planRelays(model)]
  const ports = new Map(relays.map(([key], i) => [key, FIRST_PORT + i]))
  const chains = planPortals(model, (key) => ports.get(key), options)
  const packet: WalkedPacket = { ...parsePacket(options, traced), isMarked: false }
  const surroundings: Surroundings = {
    isLocal: (address) =>
      address === options.nodeIP || LOOPBACK.some((network) => cidrContains(network, address)),
  }
  const isFromNode = packet.iifname === ''
  const translation = walkChains(
    chains,
    'nat',
    isFromNode ? 'OUTPUT' : 'PREROUTING',
    packet,
    surroundings,
  )
  if (translation?.kind === 'redirect' || translation?.kind === 'dnat') {
    packet.daddr = options.nodeIP
    packet.dport = translation.port
    packet.isTranslated = true
  }
  const isToNode = surroundings.isLocal(packet.daddr)
  const hook = isFromNode ? 'OUTPUT' : isToNode ? 'INPUT' : 'FORWARD'
  const verdict = walkChains(chains, 'filter', hook, packet, surroundings)
  if (verdict?.kind === 'drop') return DROPPED
  if (verdict?.kind === 'reject') return REJECTED
  const relay = packet.isTranslated ? relays[packet.dport - FIRST_PORT]?.[1] : undefined
  if (!relay) return ACCEPTED
  const count = relay.endpoints.length
  const { ip, port } = relay.endpoints[traced.pick?.(count) ?? 0]!
  return { verdict: 'accept', destination: { ip, port }, isMasqueraded: true }
}
