import { cidrContains } from '#ip/cidr.ts'
import { type IP, ip, parseIP } from '#ip/ip.ts'
import type { Protocol } from '../../model.ts'
import type {
  Chain,
  Condition,
  Element,
  Field,
  NftPlan,
  Rule,
  SetName,
  Statement,
} from './nft-plan.ts'
import { renderElementKey } from './render.ts'

/** The first packet of a connection. */
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

interface Packet {
  readonly saddr: IP
  daddr: IP
  readonly l4proto: Protocol | 'icmp'
  dport: number
  readonly original: { readonly daddr: IP; readonly dport: number }
  isTranslated: boolean
  iifname: string
  oifname: string
}

type Verdict = 'accept' | 'drop' | 'reject' | 'masquerade' | 'dnat'

/**
 * Walks the hooks that the packet would pass and says what happens to it: `dnat 10.244.1.7:8080`, `masquerade, dnat 10.244.1.7:8080`,
 * `reject`, `drop`, or `accept` where the plan leaves it alone. It knows nothing of earlier connections: affinity is empty.
 */
export function tracePacket(plan: NftPlan, traced: TracedPacket): string {
  const walk = createWalk(plan, traced)
  const actions = new Set<Verdict>()
  for (const hook of walk.hooks()) {
    for (const chain of baseChainsOf(plan, hook)) {
      const verdict = walk.chain(chain)
      if (verdict === 'drop' || verdict === 'reject') return verdict
      if (verdict) actions.add(verdict)
    }
  }
  const { packet } = walk
  const port = packet.l4proto === 'icmp' ? '' : `:${packet.dport}`
  const parts = [
    actions.has('masquerade') && 'masquerade',
    actions.has('dnat') && `dnat ${packet.daddr}${port}`,
  ].filter((part) => part !== false)
  return parts.join(', ') || 'accept'
}

type Hook = NonNullable<Chain['base']>['hook']

function baseChainsOf(plan: NftPlan, hook: Hook): readonly Chain[] {
  return [...plan.chains.values()]
    .filter(({ base }) => base?.hook === hook)
    .sort((a, b) => a.base!.priority - b.base!.priority)
}

function createWalk(plan: NftPlan, traced: TracedPacket) {
  const { options } = plan
  const packet = parsePacket(plan, traced)
  const elements = elementsOf(plan)
  const route = () => {
    const isShared = plan.shared.some(({ key }) => key[0] === packet.daddr)
    packet.oifname = isShared && traced.isAnnounced ? options.podDevice : 'eth0'
  }
  route()

  /** A generator, since where a packet goes on depends on what the hook before did to it. */
  function* hooks(): Generator<Hook> {
    if (packet.saddr === options.nodeIP) yield 'output'
    else {
      yield 'prerouting'
      route()
      if (packet.daddr === options.nodeIP) {
        yield 'input'
        return
      }
      yield 'forward'
    }
    yield 'postrouting'
  }

  function chain({ rules }: Chain): Verdict | undefined {
    for (const rule of rules) {
      const verdict = rule.when.every(isMet) ? run(rule) : undefined
      if (verdict === 'end') return
      if (verdict) return verdict
    }
    return
  }

  function isMet(condition: Condition): boolean {
    switch (condition.kind) {
      case 'new':
        return true
      case 'dnatted':
        return packet.isTranslated
      case 'echo-request':
        return packet.l4proto === 'icmp'
      case 'protocol':
        return condition.of.some((protocol) => protocol === packet.l4proto)
      case 'address': {
        const { network, not = false } = condition
        const address = value(condition.field) as IP
        const isIn =
          typeof network === 'string' ? address === network : cidrContains(network, address)
        return isIn !== not
      }
      case 'device': {
        const name = condition.field === 'iifname' ? packet.iifname : packet.oifname
        return (name === condition.name) !== (condition.not ?? false)
      }
      case 'in-set':
        return (find(condition.set, condition.key) !== undefined) !== (condition.not ?? false)
    }
  }

  function run({ do: statement }: Rule): Verdict | 'end' | undefined {
    switch (statement.kind) {
      case 'accept':
        return 'end'
      case 'drop':
      case 'reject':
      case 'masquerade':
        return statement.kind
      case 'goto':
        return chain(plan.chains.get(statement.chain)!) ?? 'end'
      case 'vmap': {
        const verdict = find(statement.map, statement.key)?.value
        return verdict && verdict.kind !== 'endpoint' ? run({ when: [], do: verdict }) : undefined
      }
      case 'dnat':
        return translate({ ip: statement.to, port: packet.dport })
      case 'dnat-map': {
        const found = find(statement.map, statement.key, pickSlot(statement))?.value
        return found?.kind === 'endpoint' ? translate(found) : undefined
      }
      case 'update':
        return
    }
  }

  function pickSlot({ slots = 0 }: Extract<Statement, { kind: 'dnat-map' }>): number {
    return traced.pick?.(slots) ?? 0
  }

  function translate(to: { readonly ip: IP; readonly port: number }): Verdict {
    packet.daddr = to.ip
    packet.dport = to.port
    packet.isTranslated = true
    return 'dnat'
  }

  function find(set: SetName, key: readonly Field[], slot = 0): Element | undefined {
    const values = key.map((field) => (field === 'slot' ? slot : value(field)))
    const exact = elements.get(`${set} ${values.join(' . ')}`)
    if (exact || set !== 'source-ranges') return exact
    return [...elements.values()].find((element) => element.set === set && covers(element, values))
  }

  function value(field: Exclude<Field, 'slot'>): IP | Protocol | 'icmp' | number {
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

  return { packet, hooks, chain }
}

/** Whether the last part of the key, a network, holds the last of the values. */
function covers({ key }: Element, values: readonly (string | number)[]): boolean {
  const network = key.at(-1)
  const address = values.at(-1)
  if (typeof network !== 'object' || typeof address !== 'string') return false
  return (
    key.slice(0, -1).join() === values.slice(0, -1).join() && cidrContains(network, ip(address))
  )
}

function elementsOf(plan: NftPlan): ReadonlyMap<string, Element> {
  const all = [...plan.services.values()].flatMap(({ elements }) => elements).concat(plan.shared)
  return new Map(all.map((element) => [`${element.set} ${renderElementKey(element)}`, element]))
}

function parsePacket({ options }: NftPlan, { from, to, via }: TracedPacket): Packet {
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
    oifname: 'eth0',
  }
}
