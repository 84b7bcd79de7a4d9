import { cidrContains } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { ACCEPTED, DROPPED, type Outcome, REJECTED } from '../trace/outcome.ts'
import { type Packet, parsePacket, type TracedPacket } from '../trace/packet.ts'
import { everyChain } from './diff-plans.ts'
import type { IptablesPlan, Match, ProxyTable, Rule, Target } from './iptables-plan.ts'
import { isLoopback } from './settings.ts'

/** What a walk needs at every step. */
interface Walk {
  readonly plan: IptablesPlan
  readonly traced: TracedPacket
  readonly packet: Packet
  readonly chains: ReadonlyMap<string, readonly Rule[]>
  mark: number
  isMasqueraded: boolean
}

/** What a chain decided; `undefined` where it came to its end, or returned. */
type Verdict = 'accept' | 'drop' | 'reject' | undefined

/**
 * Walks the tables nat and filter as the first packet of a connection would and says what happens to it. It knows nothing of earlier
 * connections: nobody is in a list of clients.
 */
export function tracePacket(plan: IptablesPlan, traced: TracedPacket): Outcome {
  const packet = parsePacket(plan.settings, traced)
  const walk: Walk = {
    plan,
    traced,
    packet,
    chains: new Map(
      everyChain(plan).map(({ table, chain, rules }) => [`${table} ${chain}`, rules]),
    ),
    mark: 0,
    isMasqueraded: false,
  }
  for (const [table, hook] of hooksOf(walk)) {
    const verdict = runJumps(table, hook, walk)
    if (verdict === 'drop') return DROPPED
    if (verdict === 'reject') return REJECTED
  }
  if (!packet.isTranslated) return { ...ACCEPTED, isMasqueraded: walk.isMasqueraded }
  const destination = { ip: packet.daddr, port: packet.dport }
  return { ...ACCEPTED, isMasqueraded: walk.isMasqueraded, destination }
}

/** A generator, since where a packet goes on depends on what was done to it before. */
function* hooksOf({ packet, plan }: Walk): Generator<readonly [ProxyTable, string]> {
  const { settings } = plan
  if (packet.saddr === settings.nodeIP) {
    yield ['nat', 'OUTPUT']
    yield ['filter', 'OUTPUT']
  } else {
    yield ['nat', 'PREROUTING']
    if (isLocal(packet.daddr, plan)) {
      yield ['filter', 'INPUT']
      return
    }
    yield ['filter', 'FORWARD']
  }
  yield ['nat', 'POSTROUTING']
}

/** Our jumps of one built-in chain: each was put before those that were there. */
function runJumps(table: ProxyTable, hook: string, walk: Walk): Verdict {
  const jumps = walk.plan.jumps.filter((jump) => jump.table === table && jump.chain === hook)
  return runRules(
    table,
    jumps.toReversed().map(({ rule }) => rule),
    walk,
  )
}

function runRules(table: ProxyTable, rules: readonly Rule[], walk: Walk): Verdict {
  for (const { when, do: target } of rules) {
    if (!target || !when.every((match) => isMet(match, walk))) continue
    if (target.kind === 'return') return
    const verdict = run(table, target, walk)
    if (verdict) return verdict
  }
  return
}

function run(table: ProxyTable, target: Target, walk: Walk): Verdict {
  const { packet } = walk
  switch (target.kind) {
    case 'jump':
      return runRules(table, walk.chains.get(`${table} ${target.chain}`) ?? [], walk)
    case 'mark':
      walk.mark = target.how === 'or' ? walk.mark | target.mark : walk.mark ^ target.mark
      return
    case 'masquerade':
      walk.isMasqueraded = true
      return 'accept'
    case 'dnat':
      packet.daddr = target.ip
      packet.dport = target.port
      packet.isTranslated = true
      return 'accept'
    case 'return':
      return
    default:
      return target.kind
  }
}

function isMet(match: Match, { plan, packet, mark, traced }: Walk): boolean {
  const unlessNot = (isSo: boolean) => isSo !== ('not' in match && match.not === true)
  switch (match.kind) {
    case 'comment':
    case 'account':
    case 'remember':
      return true
    case 'protocol':
      return packet.l4proto === match.protocol
    case 'source':
      return unlessNot(isIn(packet.saddr, match.network))
    case 'destination':
      return unlessNot(isIn(packet.daddr, match.network))
    case 'destination-port':
      return packet.dport === match.port
    case 'in-device':
      return unlessNot(nameMatches(packet.iifname, match.name))
    case 'source-local':
      return unlessNot(isLocal(packet.saddr, plan))
    case 'destination-local':
      return unlessNot(isLocal(packet.daddr, plan))
    case 'state':
      return unlessNot(
        match.states.some((state) => state === 'NEW' || (state === 'DNAT' && packet.isTranslated)),
      )
    case 'mark':
      return unlessNot((mark & match.mark) === match.mark)
    case 'random':
      return (traced.pick?.(match.of) ?? 0) === 0
    case 'seen':
      return false
    case 'from-bridge':
      return unlessNot(false)
  }
}

function isIn(address: IP, network: Extract<Match, { kind: 'source' | 'destination' }>['network']) {
  return typeof network === 'string' ? address === network : cidrContains(network, address)
}

function isLocal(address: IP, { settings }: IptablesPlan): boolean {
  return address === settings.nodeIP || isLoopback(address)
}

function nameMatches(device: string, name: string): boolean {
  return name.endsWith('+') ? device.startsWith(name.slice(0, -1)) : device === name
}
