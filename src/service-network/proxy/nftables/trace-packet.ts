import { cidrContains } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Outcome } from '../trace/outcome.ts'
import { type Packet, parsePacket, type TracedPacket } from '../trace/packet.ts'
import { createElementFinder, type ElementFinder } from './element-finder.ts'
import { fieldOf } from './field-of.ts'
import type { Chain, Condition, Element, Field, NftPlan, SetName, Statement } from './nft-plan.ts'

type Hook = NonNullable<Chain['base']>['hook']
type Verdict = 'accept' | 'drop' | 'reject' | 'masquerade' | 'dnat'

/** What a walk needs at every step. */
interface Walk {
  readonly plan: NftPlan
  readonly traced: TracedPacket
  readonly packet: Packet
  readonly find: ElementFinder
}

/**
 * Walks the hooks that the packet would pass and says what happens to it. It knows nothing of earlier connections: affinity is empty.
 */
export function tracePacket(plan: NftPlan, traced: TracedPacket): Outcome {
  const packet = parsePacket(plan.options, traced)
  const walk: Walk = { plan, traced, packet, find: createElementFinder(plan) }
  const actions = new Set<Verdict>()
  for (const hook of hooksOf(walk)) {
    for (const chain of baseChainsOf(plan, hook)) {
      const verdict = runChain(chain, walk)
      if (verdict === 'drop' || verdict === 'reject') return { verdict, isMasqueraded: false }
      if (verdict) actions.add(verdict)
    }
  }
  const destination = { ip: packet.daddr, port: packet.dport }
  return {
    verdict: 'accept',
    isMasqueraded: actions.has('masquerade'),
    ...(actions.has('dnat') && { destination }),
  }
}

/** A generator, since where a packet goes on depends on what the hook before did to it. */
function* hooksOf(walk: Walk): Generator<Hook> {
  const { packet, plan } = walk
  const { nodeIP } = plan.options
  route(walk)
  if (packet.saddr === nodeIP) yield 'output'
  else {
    yield 'prerouting'
    route(walk)
    if (packet.daddr === nodeIP) {
      yield 'input'
      return
    }
    yield 'forward'
  }
  yield 'postrouting'
}

/** Only one thing about routes matters here: whether a LoadBalancer address is answered for by this node. */
function route({ packet, plan, traced }: Walk): void {
  const isShared = plan.shared.some(({ key }) => key[0] === packet.daddr)
  packet.oifname = isShared && traced.isAnnounced ? plan.options.podDevice : 'eth0'
}

function baseChainsOf(plan: NftPlan, hook: Hook): readonly Chain[] {
  return [...plan.chains.values()]
    .filter(({ base }) => base?.hook === hook)
    .sort((a, b) => a.base!.priority - b.base!.priority)
}

/** `undefined` where no rule decides. */
function runChain({ rules }: Chain, walk: Walk): Verdict | undefined {
  for (const rule of rules) {
    if (!rule.when.every((condition) => isMet(condition, walk))) continue
    const verdict = run(rule.do, walk)
    if (verdict) return verdict === 'accept' ? undefined : verdict
  }
  return
}

function isMet(condition: Condition, walk: Walk): boolean {
  const { packet } = walk
  switch (condition.kind) {
    case 'new':
      return true
    case 'dnatted':
      return packet.isTranslated
    case 'echo-request':
      return packet.l4proto === 'icmp'
    case 'invalid':
      return false
    case 'local-source':
      return packet.iifname === ''
    case 'protocol':
      return condition.is === packet.l4proto
    case 'address': {
      const { network, field, not = false } = condition
      const address = fieldOf(packet, field) as IP
      const isIn =
        typeof network === 'string' ? address === network : cidrContains(network, address)
      return isIn !== not
    }
    case 'device': {
      const name = condition.field === 'iifname' ? packet.iifname : packet.oifname
      const isIt = condition.prefix ? name.startsWith(condition.name) : name === condition.name
      return isIt !== (condition.not ?? false)
    }
    case 'in-set': {
      const { set, key, not = false } = condition
      return (lookUp(set, key, walk) !== undefined) !== not
    }
  }
}

/** `accept` ends the walk through the base chain, as the end of a chain does that was gone to. */
function run(statement: Statement, walk: Walk): Verdict | undefined {
  switch (statement.kind) {
    case 'accept':
    case 'drop':
    case 'reject':
    case 'masquerade':
      return statement.kind
    case 'goto':
      return runChain(walk.plan.chains.get(statement.chain)!, walk) ?? 'accept'
    case 'vmap': {
      const verdict = lookUp(statement.map, statement.key, walk)?.value
      if (!verdict || verdict.kind === 'endpoint' || verdict.kind === 'choice') return
      return run(verdict, walk)
    }
    case 'dnat':
      return translate(walk.packet, { ip: statement.to, port: walk.packet.dport })
    case 'dnat-map': {
      const slot = walk.traced.pick?.(statement.slots ?? 0)
      const found = lookUp(statement.map, statement.key, walk, slot)?.value
      return found?.kind === 'endpoint' ? translate(walk.packet, found) : undefined
    }
    case 'choose': // nobody is remembered
    case 'forget-choice':
    case 'delete':
    case 'count':
    case 'update':
      return
  }
}

function lookUp(
  set: SetName,
  key: readonly Field[],
  { packet, find }: Walk,
  slot = 0,
): Element | undefined {
  return find(
    set,
    key.map((field) => (field === 'slot' ? slot : fieldOf(packet, field))),
  )
}

function translate(packet: Packet, to: { readonly ip: IP; readonly port: number }): Verdict {
  packet.daddr = to.ip
  packet.dport = to.port
  packet.isTranslated = true
  return 'dnat'
}
