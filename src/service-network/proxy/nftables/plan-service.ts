import { cidrContains } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import type {
  Frontend,
  ProxiedEndpoint,
  ProxiedPort,
  ProxiedService,
  TrafficPolicy,
} from '../../model.ts'
import type { ModeOptions } from '../mode.ts'
import { planRememberChain, planSpreadChain, planStickChain } from './choice-chains.ts'
import type { Chain, Element, ElementVerdict, SetName } from './nft-plan.ts'
import { numberEndpoints } from './number-endpoints.ts'

const REFUSE: ElementVerdict = { kind: 'goto', chain: 'refuse' }
const DROP: ElementVerdict = { kind: 'drop' }

/** Where the parts of a plan go: in a stable order, equal ones for equal inputs. */
export interface PlanSink {
  /** Absent where only chains are wanted. */
  readonly element?: (element: Element) => void
  /** What the elements go to; depends on numbers of endpoints and seconds only. Told of some more than once. */
  readonly chain?: (chain: Chain) => void
}

/** Plans one Service. */
export function planService(service: ProxiedService, options: ModeOptions, sink: PlanSink): void {
  // A Service has one, which each of its ports names.
  const clusterIP = clusterIPOf(service)
  if (clusterIP !== undefined) sink.element?.({ set: 'cluster-ips', key: [clusterIP] })
  for (const port of service.ports)
    for (const frontend of port.frontends) planFrontend(port, frontend, options, sink)
}

/** The elements of one Service. */
export function elementsOfService(
  service: ProxiedService,
  options: ModeOptions,
): readonly Element[] {
  const elements: Element[] = []
  planService(service, options, { element: (one) => elements.push(one) })
  return elements
}

function clusterIPOf({ ports }: ProxiedService): IP | undefined {
  for (const { frontends } of ports)
    for (const { kind, ip } of frontends) if (kind === 'ClusterIP') return ip
  return
}

const NONE: readonly IP[] = []

/** Some more than once. */
export function loadBalancerIPsOf(service: ProxiedService | undefined): readonly IP[] {
  let ips = NONE
  for (const { frontends } of service?.ports ?? [])
    for (const { kind, ip } of frontends) if (kind === 'LoadBalancer') ips = [...ips, ip]
  return ips
}

type Destination = readonly [Frontend['ip'], ProxiedPort['protocol'], number]

function planFrontend(
  port: ProxiedPort,
  frontend: Frontend,
  options: ModeOptions,
  sink: PlanSink,
): void {
  const destination: Destination = [frontend.ip, port.protocol, frontend.port]
  const isClusterIP = frontend.kind === 'ClusterIP'
  const policy = isClusterIP ? port.internalTrafficPolicy : port.externalTrafficPolicy
  if (frontend.kind === 'LoadBalancer' && port.sourceRanges) planFirewall(destination, port, sink)
  if (port.endpoints.cluster.length === 0) {
    // That of a ClusterIP needs no element: what of it was not translated is refused anyhow.
    if (!isClusterIP) sink.element?.({ set: 'refusals', key: destination, value: REFUSE })
    return
  }
  planTranslation(port, frontend, policy, destination, sink)
  if (port.affinityTimeoutSeconds !== undefined)
    planAffinity(port, port.affinityTimeoutSeconds, destination, sink)
  if (sink.element) planSources(port, frontend, policy, destination, options, sink.element)
}

/**
 * From outside, externalTrafficPolicy Local means this node's endpoints; the node and its pods use all of them even then, since the
 * source is kept for them anyhow. internalTrafficPolicy Local binds everybody.
 */
function planTranslation(
  port: ProxiedPort,
  { kind }: Frontend,
  policy: TrafficPolicy,
  destination: Destination,
  sink: PlanSink,
): void {
  const { local } = port.endpoints
  const to = (set: SetName, value: ElementVerdict) =>
    sink.element?.({ set, key: destination, value })
  const goTo = (set: SetName, chain: string) => to(set, { kind: 'goto', chain })

  if (kind === 'ClusterIP' && policy === 'Local') {
    if (local.length === 0) to('refusals', DROP)
    else goTo('services', planSpread(port, 'local-endpoints', destination, sink))
    return
  }
  goTo('services', planSpread(port, 'endpoints', destination, sink))
  if (policy === 'Cluster') return
  if (local.length === 0) {
    to('external-services', { kind: 'accept' })
    to('external-refusals', DROP)
  } else goTo('external-services', planSpread(port, 'local-endpoints', destination, sink))
}

/** Returns the name of the chain that picks one of the endpoints. */
function planSpread(
  { affinityTimeoutSeconds, protocol, endpoints }: ProxiedPort,
  from: 'endpoints' | 'local-endpoints',
  [vip, , vipPort]: Destination,
  sink: PlanSink,
): string {
  const some = from === 'endpoints' ? endpoints.cluster : endpoints.local
  for (let slot = 0; slot < some.length; slot++) {
    sink.element?.({
      set: `${from}-${protocol}`,
      key: [vip, vipPort, slot],
      value: { kind: 'endpoint', ip: some[slot]!.ip, port: some[slot]!.port },
    })
  }
  const spread = planSpreadChain(from, some.length)
  sink.chain?.(spread)
  if (affinityTimeoutSeconds === undefined) return spread.name
  const stick = planStickChain(spread)
  sink.chain?.(stick)
  return stick.name
}

/** How clients remember endpoints, and by which numbers. */
function planAffinity(
  { protocol, endpoints }: ProxiedPort,
  timeoutSeconds: number,
  destination: Destination,
  sink: PlanSink,
): void {
  const remember = planRememberChain(timeoutSeconds)
  sink.chain?.(remember)
  const verdict = { kind: 'goto', chain: remember.name } as const
  sink.element?.({ set: 'affinity-timeouts', key: destination, value: verdict })
  const [vip, , vipPort] = destination
  for (const [choice, { ip, port }] of numberEndpoints([
    ...endpoints.cluster,
    ...endpoints.local,
  ])) {
    sink.element?.({
      set: 'affinity-choices',
      key: [...destination, ip, port],
      value: { kind: 'choice', choice },
    })
    sink.element?.({
      set: `chosen-${protocol}`,
      key: [vip, vipPort, choice],
      value: { kind: 'endpoint', ip, port },
    })
  }
}

/** Whose source must change, so that the reply comes back through this node. */
function planSources(
  { endpoints }: ProxiedPort,
  { kind, ip }: Frontend,
  policy: TrafficPolicy,
  destination: Destination,
  { serviceCIDR, podCIDR, localDetector, masqueradeAll = false }: ModeOptions,
  emit: (element: Element) => void,
): void {
  const to = (chain: string) =>
    emit({ set: 'source-policies', key: destination, value: { kind: 'goto', chain } })
  // A reply to a pod's own address would never leave the pod. Hand-made slices do not say where their endpoints are.
  // By their addresses, pods of other nodes are as those of this one.
  const isAnywhere = kind !== 'ClusterIP' && localDetector === 'pod-cidr'
  const mayBeHere = (endpoint: ProxiedEndpoint) =>
    endpoint.nodeName === undefined || isAnywhere
      ? cidrContains(podCIDR, endpoint.ip)
      : endpoints.local.includes(endpoint)
  if ((kind === 'ClusterIP' && !masqueradeAll) || (kind !== 'ClusterIP' && policy === 'Local')) {
    const ips = new Set<IP>()
    for (const one of endpoints.cluster) if (mayBeHere(one)) ips.add(one.ip)
    for (const one of endpoints.local) if (mayBeHere(one)) ips.add(one.ip)
    for (const one of ips) emit({ set: 'hairpins', key: [...destination, one, one] })
  }
  if (kind !== 'ClusterIP') to(policy === 'Local' ? 'mask-node' : 'mask-all')
  else if (masqueradeAll) to('mask-all')
  else if (!cidrContains(serviceCIDR, ip)) to('mask-elsewhere')
}

function planFirewall(
  destination: Destination,
  { sourceRanges = [], allowsVIPAsSource }: ProxiedPort,
  sink: PlanSink,
): void {
  const [vip] = destination
  // The kernel refuses elements that overlap.
  const isCovered = sourceRanges.some((range) => cidrContains(range, vip))
  const own = { address: vip, prefixLength: familyOf(vip) === 4 ? 32 : 128 }
  const ranges = allowsVIPAsSource && !isCovered ? [...sourceRanges, own] : sourceRanges
  sink.element?.({ set: 'firewalled', key: destination })
  for (const range of ranges) sink.element?.({ set: 'source-ranges', key: [...destination, range] })
}
