import { familyOf, type IP, ip } from '#ip/ip.ts'
import type { BaseChain, Jump, Match, ProxyTable, Rule, Settings, Target } from './iptables-plan.ts'
import { DROP_MARK, LOOPBACK_V4, LOOPBACK_V6, MASQUERADE_MARK } from './settings.ts'

/** kube-proxy's, where the kernel can count by name. */
export const INVALID_COUNTER = 'ct_state_invalid_dropped_pkts'
export const LOCALHOST_COUNTER = 'localhost_nps_accepted_pkts'

/** An empty chain in each table: gone when somebody flushed the table (k/k pkg/util/iptables Monitor). */
export const CANARY = 'KUBE-PROXY-CANARY'
export const CANARY_TABLES: readonly ProxyTable[] = ['mangle', 'nat', 'filter']

export const comment = (text: string): Match => ({ kind: 'comment', text })
export const jumpTo = (chain: string): Target => ({ kind: 'jump', chain })
export const NEW: Match = { kind: 'state', states: ['NEW'] }

const LOCALHOST = ip('127.0.0.1')

const marked: Match = { kind: 'mark', mark: MASQUERADE_MARK }
const unmarked: Match = { ...marked, not: true }

/** The chains that all Services share, in kube-proxy's order (facts/services.md 2.1). */
export function planBase(
  settings: Settings,
  nodePortIPs: readonly IP[] | undefined,
): readonly BaseChain[] {
  const chain = (
    table: ProxyTable,
    name: string,
    first: readonly Rule[] = [],
    last: readonly Rule[] = [],
  ) => ({
    table,
    chain: name,
    first,
    last,
  })
  const isClassic = settings.layout === 'classic'
  return [
    chain('filter', 'KUBE-SERVICES'),
    chain('filter', 'KUBE-EXTERNAL-SERVICES'),
    chain('filter', 'KUBE-FORWARD', [], forwardRules(settings)),
    ...(isClassic
      ? []
      : [chain('filter', 'KUBE-NODEPORTS'), chain('filter', 'KUBE-PROXY-FIREWALL')]),
    ...(isClassic || settings.localhostNodePorts
      ? [chain('filter', 'KUBE-FIREWALL', firewallRules(settings))]
      : []),
    chain('nat', 'KUBE-SERVICES', [], toNodePorts(settings, nodePortIPs)),
    chain('nat', 'KUBE-NODEPORTS'),
    chain('nat', 'KUBE-POSTROUTING', isClassic ? classicPostrouting() : postrouting()),
    chain('nat', 'KUBE-MARK-MASQ', [{ when: [], do: mark('or', MASQUERADE_MARK) }]),
    ...(isClassic
      ? [chain('nat', 'KUBE-MARK-DROP', [{ when: [], do: mark('or', DROP_MARK) }])]
      : []),
  ]
}

/** What leads from the built-in chains to ours. Each is put before what is there, so that the last of them comes first. */
export function planJumps(settings: Settings): readonly Jump[] {
  const jump = (
    table: ProxyTable,
    to: string,
    chain: string,
    text: string | undefined,
    ...when: readonly Match[]
  ): Jump => ({
    table,
    chain,
    rule: { when: [...when, ...(text === undefined ? [] : [comment(text)])], do: jumpTo(to) },
  })
  const external = 'kubernetes externally-visible service portals'
  const portals = 'kubernetes service portals'
  const firewall = 'kubernetes load balancer firewall'
  const isClassic = settings.layout === 'classic'
  // kube-proxy of that time forgot FORWARD, and what was to be dropped went on to a load balancer's address.
  const firewalled = ['INPUT', 'OUTPUT', ...(isClassic ? ['FORWARD'] : [])]
  const modern: readonly Jump[] = isClassic
    ? []
    : ['INPUT', 'OUTPUT', 'FORWARD'].map((chain) =>
        jump('filter', 'KUBE-PROXY-FIREWALL', chain, firewall, NEW),
      )
  return [
    jump('filter', 'KUBE-EXTERNAL-SERVICES', 'INPUT', external, NEW),
    jump('filter', 'KUBE-EXTERNAL-SERVICES', 'FORWARD', external, NEW),
    ...(isClassic
      ? []
      : [jump('filter', 'KUBE-NODEPORTS', 'INPUT', 'kubernetes health check service ports')]),
    jump('filter', 'KUBE-SERVICES', 'FORWARD', portals, NEW),
    jump('filter', 'KUBE-SERVICES', 'OUTPUT', portals, NEW),
    jump('filter', 'KUBE-FORWARD', 'FORWARD', 'kubernetes forwarding rules'),
    ...modern,
    jump('nat', 'KUBE-SERVICES', 'OUTPUT', portals),
    jump('nat', 'KUBE-SERVICES', 'PREROUTING', portals),
    jump('nat', 'KUBE-POSTROUTING', 'POSTROUTING', 'kubernetes postrouting rules'),
    ...(isClassic || settings.localhostNodePorts
      ? firewalled.map((chain) => jump('filter', 'KUBE-FIREWALL', chain, undefined))
      : []),
  ]
}

function mark(how: 'or' | 'xor', value: number): Target {
  return { kind: 'mark', how, mark: value }
}

const SNAT_COMMENT = comment('kubernetes service traffic requiring SNAT')

/** The mark is taken off, so that a packet that comes by again (through a tunnel) is not masqueraded twice. */
function postrouting(): readonly Rule[] {
  return [
    { when: [unmarked], do: { kind: 'return' } },
    { when: [], do: mark('xor', MASQUERADE_MARK) },
    { when: [SNAT_COMMENT], do: { kind: 'masquerade', isRandom: true } },
  ]
}

function classicPostrouting(): readonly Rule[] {
  return [{ when: [SNAT_COMMENT, marked], do: { kind: 'masquerade', isRandom: false } }]
}

/** Both directions of what was translated may pass, whatever the policy of FORWARD is; what conntrack lost would be reset (k/k#74839). */
function forwardRules({
  layout,
  podCIDR,
  conntrackIsLiberal,
  hasAccounts,
}: Settings): readonly Rule[] {
  const forwarding: Rule = {
    when: [comment('kubernetes forwarding rules'), marked],
    do: { kind: 'accept' },
  }
  const known: Match = { kind: 'state', states: ['RELATED', 'ESTABLISHED'] }
  if (layout === 'classic') {
    const pod = (kind: 'source' | 'destination'): Rule => ({
      when: [
        { kind, network: podCIDR },
        comment(`kubernetes forwarding conntrack pod ${kind} rule`),
        known,
      ],
      do: { kind: 'accept' },
    })
    const ofPods = podCIDR.prefixLength > 0 ? [pod('source'), pod('destination')] : []
    return [forwarding, ...ofPods]
  }
  const counted: readonly Match[] = hasAccounts
    ? [{ kind: 'account', counter: INVALID_COUNTER }]
    : []
  const invalid: Rule = {
    when: [{ kind: 'state', states: ['INVALID'] }, ...counted],
    do: { kind: 'drop' },
  }
  return [
    ...(conntrackIsLiberal ? [] : [invalid]),
    forwarding,
    { when: [comment('kubernetes forwarding conntrack rule'), known], do: { kind: 'accept' } },
  ]
}

/** With route_localnet, a neighbour could send packets to 127.0.0.1 (CVE-2020-8558). The kubelet makes the same rule. */
function firewallRules({ layout, localhostNodePorts }: Settings): readonly Rule[] {
  const marked: Rule = {
    when: [
      comment('kubernetes firewall for dropping marked packets'),
      { kind: 'mark', mark: DROP_MARK },
    ],
    do: { kind: 'drop' },
  }
  const martian: Rule = {
    when: [
      comment('block incoming localnet connections'),
      { kind: 'destination', network: LOOPBACK_V4 },
      { kind: 'source', network: LOOPBACK_V4, not: true },
      { kind: 'state', states: ['RELATED', 'ESTABLISHED', 'DNAT'], not: true },
    ],
    do: { kind: 'drop' },
  }
  return [...(layout === 'classic' ? [marked] : []), ...(localhostNodePorts ? [martian] : [])]
}

/** To KUBE-NODEPORTS, for what no address of a Service matched. */
function toNodePorts(
  { nodeIP, localhostNodePorts }: Settings,
  nodePortIPs: readonly IP[] | undefined,
): readonly Rule[] {
  const note = comment(
    'kubernetes service nodeports; NOTE: this must be the last rule in this chain',
  )
  const to = jumpTo('KUBE-NODEPORTS')
  if (nodePortIPs) {
    const open = localhostNodePorts ? [...nodePortIPs, LOCALHOST] : nodePortIPs
    return open.map((ip) => ({ when: [note, { kind: 'destination', network: ip }], do: to }))
  }
  const loopback: Match[] =
    familyOf(nodeIP) === 6
      ? [{ kind: 'destination', network: LOOPBACK_V6, not: true }]
      : localhostNodePorts
        ? []
        : [{ kind: 'destination', network: LOOPBACK_V4, not: true }]
  return [{ when: [note, { kind: 'destination-local' }, ...loopback], do: to }]
}
