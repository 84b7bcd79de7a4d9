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
import type { Chain, Element, ElementVerdict, SetName } from './nft-plan.ts'
import { numberEndpoints } from './number-endpoints.ts'
import { planRememberChain, planSpreadChain, planStickChain } from './plan-base.ts'

const REFUSE: ElementVerdict = { kind: 'goto', chain: 'refuse' }
const DROP: ElementVerdict = { kind: 'drop' }

/**
 * Plans one Service. Pure: equal inputs give deep-equal plans, in a stable order.
 *
 * @returns also the chains that its elements go to, which depend on numbers of endpoints and seconds only
 */
export function planService(
  service: ProxiedService,
  options: ModeOptions,
): { readonly elements: readonly Element[]; readonly chains: readonly Chain[] } {
  const parts = service.ports.flatMap((port) =>
    port.frontends.map((frontend) => planFrontend(port, frontend, options)),
  )
  const clusterIPs = new Set(ipsOf(service, 'ClusterIP'))
  const elements = [...clusterIPs].map((ip): Element => ({ set: 'cluster-ips', key: [ip] }))
  for (const part of parts) elements.push(...part.elements)
  return { elements, chains: parts.flatMap(({ chains }) => chains) }
}

/** The addresses of one kind, some more than once. */
export function ipsOf({ ports }: ProxiedService, kind: Frontend['kind']): readonly IP[] {
  return ports.flatMap(({ frontends }) =>
    frontends.filter((frontend) => frontend.kind === kind).map(({ ip }) => ip),
  )
}

interface Part {
  readonly elements: readonly Element[]
  readonly chains: readonly Chain[]
}

function planFrontend(port: ProxiedPort, frontend: Frontend, options: ModeOptions): Part {
  const destination = [frontend.ip, port.protocol, frontend.port] as const
  const isClusterIP = frontend.kind === 'ClusterIP'
  const policy = isClusterIP ? port.internalTrafficPolicy : port.externalTrafficPolicy
  const to = (set: SetName, value: ElementVerdict): Element => ({ set, key: destination, value })

  const parts: Part[] = []
  if (frontend.kind === 'LoadBalancer' && port.sourceRanges) {
    parts.push({ elements: planFirewall(destination, port), chains: [] })
  }
  if (port.endpoints.cluster.length === 0) {
    // That of a ClusterIP needs no element: what of it was not translated is refused anyhow.
    parts.push({ elements: isClusterIP ? [] : [to('refusals', REFUSE)], chains: [] })
    return joined(parts)
  }
  parts.push(planTranslation(port, frontend, policy, destination))
  if (port.affinityTimeoutSeconds !== undefined) {
    const remember = planRememberChain(port.affinityTimeoutSeconds)
    const element = to('affinity-timeouts', { kind: 'goto', chain: remember.name })
    parts.push({ elements: [element, ...planChoices(port, destination)], chains: [remember] })
  }
  parts.push(planSources(port, frontend, policy, destination, options))
  return joined(parts)
}

function joined(parts: readonly Part[]): Part {
  return {
    elements: parts.flatMap(({ elements }) => elements),
    chains: parts.flatMap(({ chains }) => chains),
  }
}

type Destination = readonly [Frontend['ip'], ProxiedPort['protocol'], number]

/**
 * From outside, externalTrafficPolicy Local means this node's endpoints; the node and its pods use all of them even then, since the
 * source is kept for them anyhow. internalTrafficPolicy Local binds everybody.
 */
function planTranslation(
  port: ProxiedPort,
  { kind }: Frontend,
  policy: TrafficPolicy,
  destination: Destination,
): Part {
  const cluster = () => planSpread(port, 'endpoints', port.endpoints.cluster, destination)
  const local = () => planSpread(port, 'local-endpoints', port.endpoints.local, destination)
  const to = (set: SetName, value: ElementVerdict): Element => ({ set, key: destination, value })
  const toChain = (set: SetName, { chain }: Spread) => to(set, { kind: 'goto', chain })

  if (policy === 'Cluster') {
    const spread = cluster()
    return { elements: [toChain('services', spread), ...spread.elements], chains: spread.chains }
  }
  if (kind === 'ClusterIP') {
    if (port.endpoints.local.length === 0) return { elements: [to('refusals', DROP)], chains: [] }
    const spread = local()
    return { elements: [toChain('services', spread), ...spread.elements], chains: spread.chains }
  }
  const inside = cluster()
  const insideElements = [toChain('services', inside), ...inside.elements]
  if (port.endpoints.local.length === 0) {
    const untranslated = to('external-services', { kind: 'accept' })
    return {
      elements: [...insideElements, untranslated, to('external-refusals', DROP)],
      chains: inside.chains,
    }
  }
  const outside = local()
  return {
    elements: [...insideElements, toChain('external-services', outside), ...outside.elements],
    chains: [...inside.chains, ...outside.chains],
  }
}

interface Spread extends Part {
  readonly chain: string
}

function planSpread(
  { affinityTimeoutSeconds, protocol }: ProxiedPort,
  from: 'endpoints' | 'local-endpoints',
  endpoints: readonly ProxiedEndpoint[],
  [vip, , vipPort]: Destination,
): Spread {
  const spread = planSpreadChain(from, endpoints.length)
  const chains = affinityTimeoutSeconds === undefined ? [spread] : [spread, planStickChain(spread)]
  return {
    chain: chains.at(-1)!.name,
    chains,
    elements: endpoints.map(({ ip, port }, slot) => ({
      set: `${from}-${protocol}`,
      key: [vip, vipPort, slot],
      value: { kind: 'endpoint', ip, port },
    })),
  }
}

/** Whose source must change, so that the reply comes back through this node. */
function planSources(
  { endpoints }: ProxiedPort,
  { kind, ip }: Frontend,
  policy: TrafficPolicy,
  destination: Destination,
  { serviceCIDR, podCIDR }: ModeOptions,
): Part {
  const elements: Element[] = []
  const to = (chain: string): Element => ({
    set: 'source-policies',
    key: destination,
    value: { kind: 'goto', chain },
  })
  // A reply to a pod's own address would never leave the pod. Hand-made slices do not say where their endpoints are.
  const mayBeHere = (endpoint: ProxiedEndpoint) =>
    endpoint.nodeName === undefined
      ? cidrContains(podCIDR, endpoint.ip)
      : endpoints.local.includes(endpoint)
  if (kind === 'ClusterIP' || policy === 'Local') {
    const ips = new Set(
      [...endpoints.cluster, ...endpoints.local].filter(mayBeHere).map((e) => e.ip),
    )
    for (const one of ips) elements.push({ set: 'hairpins', key: [...destination, one, one] })
  }
  if (kind !== 'ClusterIP') elements.push(to(policy === 'Local' ? 'mask-node' : 'mask-all'))
  else if (!cidrContains(serviceCIDR, ip)) elements.push(to('mask-elsewhere'))
  return { elements, chains: [] }
}

/** The numbers by which clients remember endpoints. */
function planChoices(
  { protocol, endpoints }: ProxiedPort,
  destination: Destination,
): readonly Element[] {
  const [vip, , vipPort] = destination
  const elements: Element[] = []
  for (const [choice, { ip, port }] of numberEndpoints([
    ...endpoints.cluster,
    ...endpoints.local,
  ])) {
    elements.push(
      {
        set: 'affinity-choices',
        key: [...destination, ip, port],
        value: { kind: 'choice', choice },
      },
      {
        set: `chosen-${protocol}`,
        key: [vip, vipPort, choice],
        value: { kind: 'endpoint', ip, port },
      },
    )
  }
  return elements
}

function planFirewall(
  destination: Destination,
  { sourceRanges = [], allowsVIPAsSource }: ProxiedPort,
): readonly Element[] {
  const element = { set: 'firewalled', key: destination } as const
  const [vip] = destination
  // The kernel refuses elements that overlap.
  const isCovered = sourceRanges.some((range) => cidrContains(range, vip))
  const own = { address: vip, prefixLength: familyOf(vip) === 4 ? 32 : 128 }
  const ranges = allowsVIPAsSource && !isCovered ? [...sourceRanges, own] : sourceRanges
  return [
    element,
    ...ranges.map((range): Element => ({ set: 'source-ranges', key: [...destination, range] })),
  ]
}
