import { cidrContains } from '#ip/cidr.ts'
import type { Frontend, ProxiedPort, ProxiedService, ServiceModel } from '../../model.ts'
import { fromPods } from '../chains/from-pods.ts'
import type { Chain, Chains, Jump, Match, Rule, Target } from '../chains/rule.ts'
import type { ModeOptions } from '../mode.ts'
import { portName, REACHES, type Reach, relayKey } from './plan-relays.ts'

/*
 * The rules of kube-proxy's userspace mode (k/k pkg/proxy/userspace/proxier.go, until 1.25): what is for a Service is sent to a random port
 * of this node, where a relay listens. From pods and from outside by REDIRECT, from the node itself by DNAT to its address, for the reply to
 * a redirected local packet would come from another address than the one that was asked. So would that to a redirected datagram, wherever
 * the way back leaves by another link: what is UDP is always sent to the node's address, where its relays listen (the same file, of a proxy
 * that is bound to one address).
 *
 * The chain FAIRLEAD-PORTALS is ours: it refuses what has no endpoints at once, keeps source ranges and traffic policies, and keeps everybody
 * away from the relays' own ports.
 */

export const CONTAINER = 'KUBE-PORTALS-CONTAINER'
export const HOST = 'KUBE-PORTALS-HOST'
export const NODEPORT_CONTAINER = 'KUBE-NODEPORT-CONTAINER'
export const NODEPORT_HOST = 'KUBE-NODEPORT-HOST'
export const NODEPORT_NON_LOCAL = 'KUBE-NODEPORT-NON-LOCAL'
export const REFUSALS = 'FAIRLEAD-PORTALS'

const portals: Match = {
  kind: 'comment',
  text: 'handle ClusterIPs; NOTE: this must be before the NodePort rules',
}
const nodePorts: Match = {
  kind: 'comment',
  text: 'handle service NodePorts; NOTE: this must be the last rule in the chain',
}
const nonLocal: Match = { kind: 'comment', text: 'Ensure that non-local NodePort traffic can flow' }
const isNew: Match = { kind: 'state', state: 'NEW' }
const toHere: Match = { kind: 'local-destination' }

const JUMPS: readonly Jump[] = [
  { table: 'nat', from: 'PREROUTING', when: [portals], to: CONTAINER, at: 'first' },
  { table: 'nat', from: 'OUTPUT', when: [portals], to: HOST, at: 'first' },
  {
    table: 'nat',
    from: 'PREROUTING',
    when: [toHere, nodePorts],
    to: NODEPORT_CONTAINER,
    at: 'last',
  },
  { table: 'nat', from: 'OUTPUT', when: [toHere, nodePorts], to: NODEPORT_HOST, at: 'last' },
  { table: 'filter', from: 'INPUT', when: [nonLocal], to: NODEPORT_NON_LOCAL, at: 'first' },
  ...(['INPUT', 'FORWARD', 'OUTPUT'] as const).map(
    (from): Jump => ({ table: 'filter', from, when: [isNew], to: REFUSALS, at: 'first' }),
  ),
]
const NAT_CHAINS = [CONTAINER, HOST, NODEPORT_CONTAINER, NODEPORT_HOST]
const FILTER_CHAINS = [NODEPORT_NON_LOCAL, REFUSALS]

/** All that this mode may leave behind. */
export const SKELETON: Chains = { jumps: JUMPS, chains: chainsOf(new Map()) }

interface PortInput {
  readonly service: ProxiedService
  readonly port: ProxiedPort
  readonly options: ModeOptions
  /** Where the relay listens; `undefined` where it has no endpoints. */
  readonly relayPort: (reach: Reach) => number | undefined
  readonly add: (chain: string, when: readonly Match[], target: Target) => void
}

/** @param relayPort by {@link relayKey} */
export function planPortals(
  model: ServiceModel,
  relayPort: (key: string) => number | undefined,
  options: ModeOptions,
): Chains {
  const rules = new Map<string, Rule[]>()
  const add: PortInput['add'] = (chain, when, target) => {
    const some = rules.get(chain) ?? []
    some.push({ when, do: target })
    rules.set(chain, some)
  }
  for (const service of model.values())
    for (const port of service.ports) {
      // Nothing relays SCTP: as upstream, it is left alone.
      if (port.protocol === 'sctp') continue
      const input: PortInput = {
        service,
        port,
        options,
        add,
        relayPort: (reach) => relayPort(relayKey(service, port, reach)),
      }
      guardRelays(input)
      for (const frontend of port.frontends) planFrontend(input, frontend)
    }
  return { jumps: JUMPS, chains: chainsOf(rules) }
}

function chainsOf(rules: ReadonlyMap<string, readonly Rule[]>): readonly Chain[] {
  const chain = (table: Chain['table']) => (name: string) => ({
    table,
    name,
    rules: rules.get(name) ?? [],
  })
  return [...NAT_CHAINS.map(chain('nat')), ...FILTER_CHAINS.map(chain('filter'))]
}

/** Whoever comes to a relay's port by itself would pass by source ranges. */
function guardRelays({ port: { protocol }, relayPort, add }: PortInput): void {
  for (const reach of REACHES) {
    const number = relayPort(reach)
    if (number === undefined) continue
    const translated: Match = { kind: 'state', state: 'DNAT', not: true }
    const toRelay: readonly Match[] = [
      { kind: 'protocol', protocol },
      { kind: 'port', protocol, port: number },
    ]
    add(REFUSALS, [...toRelay, translated], { kind: 'drop' })
  }
}

function planFrontend(input: PortInput, frontend: Frontend): void {
  const { port, options, relayPort } = input
  const isInternal = frontend.kind === 'ClusterIP'
  const policy = isInternal ? port.internalTrafficPolicy : port.externalTrafficPolicy
  const [cluster, local] = [relayPort('cluster'), relayPort('local')]
  const fromPodsHere = fromPods(options, 'pod-device')
  if (policy === 'Cluster') {
    planFromPods(input, frontend, [], cluster)
    planFromNode(input, frontend, cluster)
  } else if (isInternal) {
    planFromPods(input, frontend, [], local)
    planFromNode(input, frontend, local)
  } else {
    // externalTrafficPolicy Local is about who comes from outside.
    if (fromPodsHere) planFromPods(input, frontend, [fromPodsHere], cluster)
    planFromPods(input, frontend, [], local)
    planFromNode(input, frontend, cluster)
  }
  planRefusal(input, frontend, policy === 'Local' ? 'local' : 'cluster')
}

/** From pods of this node, and from elsewhere. */
function planFromPods(
  { service, port, options, add }: PortInput,
  frontend: Frontend,
  when: readonly Match[],
  relay: number | undefined,
): void {
  if (relay === undefined) return
  const target: Target =
    port.protocol === 'udp' ? toNode(options, relay) : { kind: 'redirect', port: relay }
  const name = portName(service, port)
  const to = [...when, ...toFrontend(port, frontend, name)]
  switch (frontend.kind) {
    case 'NodePort': {
      add(NODEPORT_CONTAINER, to, target)
      const { protocol } = port
      const toRelay = toPort(protocol, relay, name)
      add(NODEPORT_NON_LOCAL, [...toRelay, { kind: 'old-state-new' }], { kind: 'accept' })
      return
    }
    case 'ExternalIP':
      add(CONTAINER, [...to, { kind: 'not-bridged' }], target)
      add(CONTAINER, [...to, toHere], target)
      return
    default:
      for (const source of sourcesOf(port, frontend, options))
        add(CONTAINER, [...source, ...to], target)
  }
}

function planFromNode(
  { service, port, options, add }: PortInput,
  frontend: Frontend,
  relay: number | undefined,
): void {
  if (relay === undefined) return
  const target = toNode(options, relay)
  const to = toFrontend(port, frontend, portName(service, port))
  switch (frontend.kind) {
    case 'NodePort':
      add(NODEPORT_HOST, to, target)
      return
    case 'ExternalIP':
      add(HOST, [...to, toHere], target)
      return
    default:
      for (const source of sourcesOf(port, frontend, options)) add(HOST, [...source, ...to], target)
  }
}

function toNode({ nodeIP }: ModeOptions, port: number): Target {
  return { kind: 'dnat', ip: nodeIP, port }
}

/** What came this far was sent to no relay. */
function planRefusal(
  { service, port, relayPort, add }: PortInput,
  frontend: Frontend,
  reach: Reach,
): void {
  const name = portName(service, port)
  const here = frontend.kind === 'NodePort' ? [toHere] : []
  const refuse = (why: string, target: Target) =>
    add(REFUSALS, [...here, ...toFrontend(port, frontend, `${name} ${why}`)], target)
  const drop: Target = { kind: 'drop' }
  const reject: Target = {
    kind: 'reject',
    ...(port.protocol === 'tcp' && { with: 'tcp-reset' as const }),
  }
  const { cluster, local } = port.endpoints
  if (cluster.length === 0 && local.length === 0) refuse('has no endpoints', reject)
  else if (port.endpoints[reach].length === 0) refuse('has no local endpoints', drop)
  else if (relayPort(reach) === undefined) refuse('has no relay', reject)
  else if (frontend.kind === 'LoadBalancer' && port.sourceRanges)
    refuse('is not for this source', drop)
}

/** Where the node itself may come, so may the load balancer's own address: a node that holds it would speak by it. */
function sourcesOf(
  { sourceRanges }: ProxiedPort,
  { kind, ip }: Frontend,
  { nodeIP }: ModeOptions,
): readonly (readonly Match[])[] {
  if (kind !== 'LoadBalancer' || !sourceRanges) return [[]]
  const mayNode = sourceRanges.some((range) => cidrContains(range, nodeIP))
  const networks = mayNode ? [...sourceRanges, ip] : sourceRanges
  return networks.map((network) => [{ kind: 'source', network }])
}

function toFrontend(
  { protocol }: ProxiedPort,
  { kind, ip, port }: Frontend,
  comment: string,
): readonly Match[] {
  const to = toPort(protocol, port, comment)
  return kind === 'NodePort' ? to : [{ kind: 'destination', network: ip }, ...to]
}

function toPort(
  protocol: ProxiedPort['protocol'],
  port: number,
  comment: string,
): readonly Match[] {
  return [
    { kind: 'protocol', protocol },
    { kind: 'comment', text: comment },
    { kind: 'port', protocol, port },
  ]
}
