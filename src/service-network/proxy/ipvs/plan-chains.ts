import { cidr } from '#ip/cidr.ts'
import type { Family } from '#ip/ip.ts'
import type { Protocol } from '../../model.ts'
import { fromPods } from '../chains/from-pods.ts'
import type { BuiltInChain, Chains, Jump, Match, Rule, Table, Target } from '../chains/rule.ts'
import type { ModeOptions } from '../mode.ts'
import { IP_SETS, nameInKernel, type SetName } from './ip-sets.ts'
import type { ProxiedFrontend } from './plan-ipvs.ts'

/*
 * The rules beside IPVS: who is masqueraded, who may come in, and what is refused. As many as there are kinds of Services, not Services
 * (k/k pkg/proxy/ipvs/proxier.go: iptablesJumpChain, ipsetWithIptablesChain, writeIptablesRules). The chain FAIRLEAD-IPVS is ours.
 */

const OURS = 'FAIRLEAD-IPVS'

const JUMPS: readonly (readonly [Table, BuiltInChain, string, string])[] = [
  ['nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'],
  ['nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'],
  ['filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'],
  ['filter', 'INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'],
  ['filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'],
  ['filter', 'INPUT', 'KUBE-IPVS-FILTER', 'kubernetes ipvs access filter'],
  ['filter', 'OUTPUT', 'KUBE-IPVS-OUT-FILTER', 'kubernetes ipvs access filter'],
  ['filter', 'INPUT', OURS, 'traffic policies and pings of virtual addresses'],
]

const CHAINS: readonly (readonly [Table, string])[] = [
  ['nat', 'KUBE-SERVICES'],
  ['nat', 'KUBE-POSTROUTING'],
  ['nat', 'KUBE-NODE-PORT'],
  ['nat', 'KUBE-LOAD-BALANCER'],
  ['nat', 'KUBE-MARK-MASQ'],
  ['filter', 'KUBE-FORWARD'],
  ['filter', 'KUBE-NODE-PORT'],
  ['filter', 'KUBE-PROXY-FIREWALL'],
  ['filter', 'KUBE-SOURCE-RANGES-FIREWALL'],
  ['filter', 'KUBE-IPVS-FILTER'],
  ['filter', 'KUBE-IPVS-OUT-FILTER'],
  ['filter', OURS],
]

/** Rules that stand where their set has entries. The local ones come before those that masquerade. */
const BY_SET: readonly {
  readonly set: SetName
  readonly table: Table
  readonly from: string
  readonly to: Target
  readonly of: string
  readonly protocol?: Protocol
}[] = [
  bySet('KUBE-LOOP-BACK', 'nat', 'KUBE-POSTROUTING', { kind: 'masquerade' }, 'dst,dst,src'),
  bySet('KUBE-LOAD-BALANCER', 'nat', 'KUBE-SERVICES', jump('KUBE-LOAD-BALANCER'), 'dst,dst'),
  bySet('KUBE-LOAD-BALANCER-LOCAL', 'nat', 'KUBE-LOAD-BALANCER', { kind: 'return' }, 'dst,dst'),
  ...(['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => {
    const suffix = ({ tcp: 'TCP', udp: 'UDP', sctp: 'SCTP-HASH' } as const)[protocol]
    const of = protocol === 'sctp' ? 'dst,dst' : 'dst'
    return [
      {
        ...bySet(`KUBE-NODE-PORT-LOCAL-${suffix}`, 'nat', 'KUBE-NODE-PORT', { kind: 'return' }, of),
        protocol,
      },
      {
        ...bySet(`KUBE-NODE-PORT-${suffix}`, 'nat', 'KUBE-NODE-PORT', jump('KUBE-MARK-MASQ'), of),
        protocol,
      },
    ]
  }),
  bySet(
    'KUBE-LOAD-BALANCER-FW',
    'filter',
    'KUBE-PROXY-FIREWALL',
    jump('KUBE-SOURCE-RANGES-FIREWALL'),
    'dst,dst',
  ),
  ...(['KUBE-LOAD-BALANCER-SOURCE-CIDR', 'KUBE-LOAD-BALANCER-SOURCE-IP'] as const).map((set) =>
    bySet(set, 'filter', 'KUBE-SOURCE-RANGES-FIREWALL', { kind: 'return' }, 'dst,dst,src'),
  ),
]

function bySet(set: SetName, table: Table, from: string, to: Target, of: string) {
  return { set, table, from, to, of }
}

function jump(chain: string): Target {
  return { kind: 'jump', chain }
}

export interface ChainsInput {
  readonly sets: ReadonlyMap<SetName, ReadonlySet<string>>
  readonly closedToNode: readonly ProxiedFrontend[]
  readonly options: Pick<ModeOptions, 'localDetector' | 'podCIDR' | 'podDevice' | 'masqueradeAll'>
  readonly family: Family
}

export function planIPVSChains(input: ChainsInput): Chains {
  const rules = new Map<string, Rule[]>()
  const add: AddRule = (table, chain, when, target) => {
    const key = `${table} ${chain}`
    rules.set(key, [...(rules.get(key) ?? []), { when, do: target }])
  }
  addNatRules(input, add)
  addFilterRules(input, add)
  return {
    jumps: JUMPS.map(
      ([table, from, to, text]): Jump => ({
        table,
        from,
        when: [{ kind: 'comment', text }],
        to,
        at: 'first',
      }),
    ),
    chains: CHAINS.map(([table, name]) => ({
      table,
      name,
      rules: rules.get(`${table} ${name}`) ?? [],
    })),
  }
}

type AddRule = (table: Table, chain: string, when: readonly Match[], target: Target) => void

function inSet(set: SetName, of: string, family: Family): Match {
  return { kind: 'in-set', set: nameInKernel(set, family), of }
}

function commentOf(set: SetName): Match {
  return { kind: 'comment', text: IP_SETS.find(({ name }) => name === set)!.comment }
}

function addRulesBySet({ sets, family }: ChainsInput, table: Table, add: AddRule): void {
  for (const { set, from, to, of, protocol, ...rule } of BY_SET) {
    if (rule.table !== table || !sets.get(set)?.size) continue
    const when: Match[] = [commentOf(set), inSet(set, of, family)]
    if (protocol) when.unshift({ kind: 'protocol', protocol })
    add(table, from, when, to)
  }
}

function addNatRules(input: ChainsInput, add: AddRule): void {
  const { sets, options, family } = input
  const loopback = cidr(family === 4 ? '127.0.0.0/8' : '::1/128')
  add('nat', 'KUBE-SERVICES', [{ kind: 'source', network: loopback }], { kind: 'return' })
  addRulesBySet(input, 'nat', add)
  if (sets.get('KUBE-CLUSTER-IP')?.size) {
    const when = [commentOf('KUBE-CLUSTER-IP'), inSet('KUBE-CLUSTER-IP', 'dst,dst', family)]
    // Who comes from outside the pods' network may have come to any node: the reply must find back to this one.
    const fromPod = fromPods(options, 'pod-cidr')
    if (options.masqueradeAll) add('nat', 'KUBE-SERVICES', when, jump('KUBE-MARK-MASQ'))
    // Where pods cannot be told, nobody comes from outside.
    else if (fromPod)
      add('nat', 'KUBE-SERVICES', [{ ...fromPod, not: true }, ...when], jump('KUBE-MARK-MASQ'))
  }
  for (const set of ['KUBE-EXTERNAL-IP', 'KUBE-EXTERNAL-IP-LOCAL'] as const) {
    if (!sets.get(set)?.size) continue
    const when = [commentOf(set), inSet(set, 'dst,dst', family)]
    if (set === 'KUBE-EXTERNAL-IP') add('nat', 'KUBE-SERVICES', when, jump('KUBE-MARK-MASQ'))
    const fromOutside: readonly Match[] = [
      { kind: 'not-bridged' },
      { kind: 'local-source', not: true },
    ]
    add('nat', 'KUBE-SERVICES', [...when, ...fromOutside], { kind: 'accept' })
    add('nat', 'KUBE-SERVICES', [...when, { kind: 'local-destination' }], { kind: 'accept' })
  }
  add('nat', 'KUBE-SERVICES', [{ kind: 'local-destination' }], jump('KUBE-NODE-PORT'))
  add('nat', 'KUBE-LOAD-BALANCER', [], jump('KUBE-MARK-MASQ'))
  for (const set of ['KUBE-CLUSTER-IP', 'KUBE-LOAD-BALANCER'] as const) {
    if (!sets.get(set)?.size) continue
    add('nat', 'KUBE-SERVICES', [inSet(set, 'dst,dst', family)], { kind: 'accept' })
  }
  add('nat', 'KUBE-POSTROUTING', [{ kind: 'marked', not: true }], { kind: 'return' })
  add('nat', 'KUBE-POSTROUTING', [], { kind: 'unmark' })
  const requiring: Match = { kind: 'comment', text: 'kubernetes service traffic requiring SNAT' }
  add('nat', 'KUBE-POSTROUTING', [requiring], { kind: 'masquerade', fully: true })
  add('nat', 'KUBE-MARK-MASQ', [], { kind: 'mark' })
}

function addFilterRules(input: ChainsInput, add: AddRule): void {
  const { closedToNode, options, family } = input
  addRulesBySet(input, 'filter', add)
  add('filter', 'KUBE-SOURCE-RANGES-FIREWALL', [], { kind: 'drop' })
  // What the node sends to an address that it holds has that address for its source.
  for (const { port, frontend } of closedToNode) {
    const { protocol } = port
    const { ip } = frontend
    const sent: Match = { kind: 'ipvs', ip, port: frontend.port, protocol }
    add('filter', 'KUBE-IPVS-OUT-FILTER', [{ kind: 'source', network: ip }, sent], { kind: 'drop' })
  }
  const forwarding: Match = { kind: 'comment', text: 'kubernetes forwarding rules' }
  const conntrack: Match = { kind: 'comment', text: 'kubernetes forwarding conntrack rule' }
  add('filter', 'KUBE-FORWARD', [forwarding, { kind: 'marked' }], { kind: 'accept' })
  const related: Match = { kind: 'state', state: 'RELATED,ESTABLISHED' }
  add('filter', 'KUBE-FORWARD', [conntrack, related], { kind: 'accept' })
  const health = 'KUBE-HEALTH-CHECK-NODE-PORT'
  const toHealth = [commentOf(health), inSet(health, 'dst', family)]
  add('filter', 'KUBE-NODE-PORT', toHealth, { kind: 'accept' })
  addAccessFilter(family, add)

  const noLocal = inSet('FAIRLEAD-NO-LOCAL', 'dst,dst', family)
  const noLocalExternal = inSet('FAIRLEAD-NO-LOCAL-EXTERNAL', 'dst,dst', family)
  const fromPod = fromPods(options, 'pod-device')
  const fromElsewhere: readonly Match[] = fromPod ? [{ ...fromPod, not: true }] : []
  const isNew: Match = { kind: 'state', state: 'NEW' }
  add('filter', OURS, [isNew, noLocal], { kind: 'drop' })
  add('filter', OURS, [...fromElsewhere, isNew, noLocalExternal], { kind: 'drop' })
  const toVirtual = inSet('KUBE-IPVS-IPS', 'dst', family)
  add('filter', OURS, [{ kind: 'echo-request', family }, toVirtual], { kind: 'accept' })
}

/** A virtual address is the node's own: what is no port of a Service there must not reach the node's (k/k#72236). */
function addAccessFilter(family: Family, add: AddRule): void {
  const sets = [
    'KUBE-LOAD-BALANCER',
    'KUBE-CLUSTER-IP',
    'KUBE-EXTERNAL-IP',
    'KUBE-EXTERNAL-IP-LOCAL',
  ] as const
  for (const set of sets) {
    add('filter', 'KUBE-IPVS-FILTER', [inSet(set, 'dst,dst', family)], { kind: 'return' })
  }
  const toHealth = inSet('KUBE-HEALTH-CHECK-NODE-PORT', 'dst', family)
  add('filter', 'KUBE-IPVS-FILTER', [toHealth], { kind: 'return' })
  const toVirtual = inSet('KUBE-IPVS-IPS', 'dst', family)
  const isNew: Match = { kind: 'state', state: 'NEW' }
  add('filter', 'KUBE-IPVS-FILTER', [isNew, toVirtual], { kind: 'reject' })
}
