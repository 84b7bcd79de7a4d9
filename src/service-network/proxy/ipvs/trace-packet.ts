import { cidr, cidrContains, parseCIDR } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import type { ServiceModel } from '../../model.ts'
import { type Surroundings, type WalkedPacket, walkChains } from '../chains/walk-chains.ts'
import type { ModeOptions } from '../mode.ts'
import { ACCEPTED, DROPPED, type Outcome, REJECTED } from '../trace/outcome.ts'
import { parsePacket, type TracedPacket } from '../trace/packet.ts'
import { IP_SETS, nameInKernel } from './ip-sets.ts'
import { destinationKey, type IPVSPlan, planIPVS, serviceKey } from './plan-ipvs.ts'

const LOOPBACK = [cidr('127.0.0.0/8'), cidr('::1/128')]

interface Walk {
  readonly plan: IPVSPlan
  readonly options: ModeOptions
  readonly packet: WalkedPacket
  readonly surroundings: Surroundings
  readonly localEndpoints: ReadonlySet<string>
  readonly traced: TracedPacket
}

/** What happens to a connection's first packet under the plan that this model makes. It knows nothing of earlier connections. */
export function tracePacket(
  model: ServiceModel,
  options: ModeOptions,
  traced: TracedPacket,
): Outcome {
  const plan = planIPVS(model, options)
  const packet: WalkedPacket = { ...parsePacket(options, traced), isMarked: false }
  const isLocal = (address: IP) =>
    address === options.nodeIP ||
    plan.addresses.has(address) ||
    LOOPBACK.some((network) => cidrContains(network, address))
  const surroundings: Surroundings = {
    isLocal,
    isInSet: (set, of, { daddr, dport, saddr, l4proto }) =>
      isInSet(plan, options, set, { of, daddr, dport, saddr, l4proto }),
  }
  const walk: Walk = {
    plan,
    options,
    packet,
    surroundings,
    traced,
    localEndpoints: localEndpointsOf(model, options),
  }
  return packet.iifname === '' ? fromNode(walk) : fromElsewhere(walk)
}

function fromNode(walk: Walk): Outcome {
  const { plan, packet, surroundings } = walk
  // An address that the node holds is reached by that very address.
  if (plan.addresses.has(packet.daddr)) packet.saddr = packet.daddr
  walkChains(plan.chains, 'nat', 'OUTPUT', packet, surroundings)
  // IPVS takes what is its own before the filters of OUTPUT.
  if (serviceOf(walk)) return schedule(walk)
  return surroundings.isLocal(packet.daddr) ? deliver(walk) : ACCEPTED
}

function fromElsewhere(walk: Walk): Outcome {
  const { plan, packet, surroundings } = walk
  walkChains(plan.chains, 'nat', 'PREROUTING', packet, surroundings)
  if (surroundings.isLocal(packet.daddr)) return deliver(walk)
  const decision = walkChains(plan.chains, 'filter', 'FORWARD', packet, surroundings)
  return decision?.kind === 'drop' ? DROPPED : ACCEPTED
}

/** What is for the node passes its filters, and then IPVS. */
function deliver(walk: Walk): Outcome {
  const { plan, packet, surroundings } = walk
  const decision = walkChains(plan.chains, 'filter', 'INPUT', packet, surroundings)
  if (decision?.kind === 'drop') return DROPPED
  if (decision?.kind === 'reject') return REJECTED
  if (serviceOf(walk)) return schedule(walk)
  const isAnswered = packet.l4proto === 'icmp' && plan.addresses.has(packet.daddr)
  return isAnswered ? { ...ACCEPTED, destination: { ip: packet.daddr, port: 0 } } : ACCEPTED
}

function serviceOf({ plan, packet: { l4proto, daddr, dport } }: Walk) {
  if (l4proto === 'icmp') return
  return plan.services.get(serviceKey({ protocol: l4proto, ip: daddr, port: dport }))
}

function schedule(walk: Walk): Outcome {
  const { plan, packet, surroundings, options, traced, localEndpoints } = walk
  const destinations = [...serviceOf(walk)!.destinations.values()]
  if (destinations.length === 0) return REJECTED
  const { ip, port } = destinations[traced.pick?.(destinations.length) ?? 0]!
  Object.assign(packet, { daddr: ip, dport: port, isTranslated: true })
  const filtered = walkChains(plan.chains, 'filter', 'OUTPUT', packet, surroundings)
  if (filtered?.kind === 'drop') return DROPPED
  const decision = walkChains(plan.chains, 'nat', 'POSTROUTING', packet, surroundings)
  // The node's own address is what masquerading would take.
  const isMasqueraded = decision?.kind === 'masquerade' || packet.saddr === options.nodeIP
  // From another node, the reply to a client that is not of this one goes past us, and means nothing to it.
  const isFromHere = packet.iifname === options.podDevice || packet.iifname === ''
  if (!isMasqueraded && !isFromHere && !localEndpoints.has(destinationKey({ ip, port }))) {
    return DROPPED
  }
  return { verdict: 'accept', destination: { ip, port }, isMasqueraded }
}

function localEndpointsOf(model: ServiceModel, { nodeName }: ModeOptions): ReadonlySet<string> {
  const all = [...model.values()]
    .flatMap(({ ports }) => ports)
    .flatMap(({ endpoints }) => [...endpoints.cluster, ...endpoints.local])
  return new Set(all.filter((endpoint) => endpoint.nodeName === nodeName).map(destinationKey))
}

interface LookUp extends Pick<WalkedPacket, 'daddr' | 'dport' | 'saddr' | 'l4proto'> {
  /** Which parts of the packet: `dst,dst,src`. */
  readonly of: string
}

function isInSet(
  plan: IPVSPlan,
  { nodeIP }: ModeOptions,
  name: string,
  { of, daddr, dport, saddr, l4proto }: LookUp,
): boolean {
  const set = IP_SETS.find((each) => nameInKernel(each.name, familyOf(nodeIP)) === name)
  const entries = set && plan.sets.get(set.name)
  if (!entries) return false
  const parts = of.split(',').length
  if (set.type === 'bitmap:port') return l4proto !== 'icmp' && entries.has(`${dport}`)
  if (set.type === 'hash:ip') return entries.has(daddr)
  const destination = `${daddr},${l4proto}:${dport}`
  if (parts === 2) return entries.has(destination)
  if (set.type !== 'hash:ip,port,net') return entries.has(`${destination},${saddr}`)
  return [...entries].some((entry) => {
    if (!entry.startsWith(`${destination},`)) return false
    const text = entry.slice(destination.length + 1)
    const network = parseCIDR(text)
    return network ? cidrContains(network, saddr) : text === saddr
  })
}
