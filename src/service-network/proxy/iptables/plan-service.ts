import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Frontend } from '../../model.ts'
import type { Chain, Match, Part, ProxyTable, Rule, Target } from './iptables-plan.ts'
import { comment, jumpTo, LOCALHOST_COUNTER } from './plan-base.ts'
import { type PortContext, planEndpoint, planSpread, union } from './plan-endpoints.ts'
import { fromLocalPod, LOOPBACK_V4, notFromLocalPod } from './settings.ts'

export interface PortPlan {
  readonly parts: readonly Part[]
  readonly chains: readonly Chain[]
}

const MASQUERADE = jumpTo('KUBE-MARK-MASQ')
const SOURCE_LOCAL: Match = { kind: 'source-local' }

/** One Service port in today's layout: facts/services.md 2.1. */
export function planPort(context: PortContext): PortPlan {
  const view = viewOf(context)
  return {
    parts: [
      ...part('nat', 'KUBE-SERVICES', toServiceChains(view)),
      ...part('nat', 'KUBE-NODEPORTS', toNodePortChains(view)),
      ...part('filter', 'KUBE-SERVICES', refuseInternal(view)),
      ...part('filter', 'KUBE-EXTERNAL-SERVICES', refuseExternal(view)),
      ...part('filter', 'KUBE-NODEPORTS', acceptHealthChecks(view)),
      ...part('filter', 'KUBE-PROXY-FIREWALL', dropUnlisted(view)),
    ],
    chains: view.hasEndpoints ? planChains(view) : [],
  }
}

export function part(table: ProxyTable, chain: string, rules: readonly Rule[]): readonly Part[] {
  return rules.length === 0 ? [] : [{ table, chain, rules }]
}

/** What the rules of a port depend on, worked out once. */
export interface View extends PortContext {
  readonly clusterIPs: readonly Frontend[]
  readonly externalIPs: readonly Frontend[]
  readonly loadBalancerIPs: readonly Frontend[]
  readonly nodePort: number | undefined
  /** Anywhere. */
  readonly hasEndpoints: boolean
  readonly hasInternalEndpoints: boolean
  readonly hasExternalEndpoints: boolean
  readonly isExternal: boolean
  readonly isInternalLocal: boolean
  readonly isExternalLocal: boolean
  /** Source ranges fence the load balancer's addresses. */
  readonly isFenced: boolean
}

export function viewOf(context: PortContext): View {
  const { port } = context
  const { frontends, endpoints } = port
  const of = (kind: Frontend['kind']) => frontends.filter((frontend) => frontend.kind === kind)
  const loadBalancerIPs = of('LoadBalancer')
  const externalIPs = of('ExternalIP')
  const { nodePort } = port
  const hasEndpoints = endpoints.cluster.length > 0 || endpoints.local.length > 0
  const hasLocal = endpoints.local.length > 0
  const isExternal = nodePort !== undefined || loadBalancerIPs.length + externalIPs.length > 0
  const isInternalLocal = port.internalTrafficPolicy === 'Local'
  const isExternalLocal = port.externalTrafficPolicy === 'Local' && isExternal
  return {
    ...context,
    clusterIPs: of('ClusterIP'),
    externalIPs,
    loadBalancerIPs,
    nodePort,
    hasEndpoints,
    hasInternalEndpoints: isInternalLocal ? hasLocal : hasEndpoints,
    hasExternalEndpoints: isExternalLocal ? hasLocal : hasEndpoints,
    isExternal,
    isInternalLocal,
    isExternalLocal,
    isFenced: hasEndpoints && loadBalancerIPs.length > 0 && port.sourceRanges !== undefined,
  }
}

/** `-m comment --comment "…" -m tcp -p tcp -d IP --dport N`, as kube-proxy writes it. */
export function to(
  { port: { protocol } }: PortContext,
  text: string,
  { ip, port }: { readonly ip?: IP; readonly port: number },
): readonly Match[] {
  return [
    comment(text),
    { kind: 'protocol', protocol },
    ...(ip === undefined ? [] : [{ kind: 'destination', network: ip } as const]),
    { kind: 'destination-port', port },
  ]
}

function toServiceChains(view: View): readonly Rule[] {
  const { names } = view
  const rule = (frontend: Frontend, what: string, chain: string): Rule => ({
    when: to(view, `${names.comment} ${what}`, frontend),
    do: jumpTo(chain),
  })
  const internal = view.isInternalLocal ? names.local : names.cluster
  const balanced = view.isFenced ? names.firewall : names.external
  return [
    ...(view.hasInternalEndpoints
      ? view.clusterIPs.map((frontend) => rule(frontend, 'cluster IP', internal))
      : []),
    ...(view.hasEndpoints
      ? [
          ...view.externalIPs.map((frontend) => rule(frontend, 'external IP', names.external)),
          ...view.loadBalancerIPs.map((frontend) => rule(frontend, 'loadbalancer IP', balanced)),
        ]
      : []),
  ]
}

function toNodePortChains(view: View): readonly Rule[] {
  const { nodePort, names, settings } = view
  if (nodePort === undefined || !view.hasEndpoints) return []
  const target = jumpTo(names.external)
  const [note, protocol, port] = to(view, names.comment, { port: nodePort })
  const localhost: Rule = {
    when: [
      note!,
      protocol!,
      { kind: 'destination', network: LOOPBACK_V4 },
      port!,
      { kind: 'account', counter: LOCALHOST_COUNTER },
    ],
    do: target,
  }
  const counts = settings.localhostNodePorts && settings.hasAccounts
  return [...(counts ? [localhost] : []), { when: [note!, protocol!, port!], do: target }]
}

/** Without endpoints anywhere clients are told so; where only this node has none, silence sends them elsewhere. */
export function verdictOf({ hasEndpoints, names }: View): {
  readonly text: string
  readonly target: Target
} {
  return hasEndpoints
    ? { text: `${names.comment} has no local endpoints`, target: { kind: 'drop' } }
    : { text: `${names.comment} has no endpoints`, target: { kind: 'reject' } }
}

function refuseInternal(view: View): readonly Rule[] {
  if (view.hasInternalEndpoints) return []
  const { text, target } = verdictOf(view)
  return view.clusterIPs.map((frontend) => ({ when: to(view, text, frontend), do: target }))
}

function refuseExternal(view: View): readonly Rule[] {
  const { nodePort, externalIPs, loadBalancerIPs } = view
  if (view.hasExternalEndpoints) return []
  const { text, target } = verdictOf(view)
  const rules = [...externalIPs, ...loadBalancerIPs].map((frontend) => ({
    when: to(view, text, frontend),
    do: target,
  }))
  if (nodePort === undefined) return rules
  const [note, ...port] = to(view, text, { port: nodePort })
  return [...rules, { when: [note!, { kind: 'destination-local' }, ...port], do: target }]
}

function acceptHealthChecks({ healthCheckNodePort, names }: View): readonly Rule[] {
  if (healthCheckNodePort === undefined) return []
  const when: readonly Match[] = [
    comment(`${names.comment} health check node port`),
    { kind: 'protocol', protocol: 'tcp' },
    { kind: 'destination-port', port: healthCheckNodePort },
  ]
  return [{ when, do: { kind: 'accept' } }]
}

/** What the fence did not let through was not translated, and is still on its way to the load balancer's address. */
function dropUnlisted(view: View): readonly Rule[] {
  if (!view.isFenced) return []
  const text = `${view.names.comment} traffic not accepted by ${view.names.firewall}`
  return view.loadBalancerIPs.map((frontend) => ({
    when: to(view, text, frontend),
    do: { kind: 'drop' },
  }))
}

function planChains(view: View): readonly Chain[] {
  const { names, port } = view
  const { cluster, local } = port.endpoints
  // Also where the policy is Local: the node and its pods use all endpoints.
  const usesCluster = cluster.length > 0 && (!view.isInternalLocal || view.isExternal)
  const usesLocal = local.length > 0 && (view.isInternalLocal || view.isExternalLocal)
  const masquerading = view.hasInternalEndpoints ? masqueradeInternal(view) : []
  const spread = (name: string, isInternal: boolean, endpoints: typeof cluster): Chain => ({
    name,
    rules: [...(isInternal ? masquerading : []), ...planSpread(view, endpoints)],
  })
  const endpoints = union(usesCluster ? cluster : [], usesLocal ? local : [])
  return [
    ...(view.isExternal ? [{ name: names.external, rules: planExternal(view) }] : []),
    ...(view.isFenced ? [{ name: names.firewall, rules: planFirewall(view) }] : []),
    ...(usesCluster ? [spread(names.cluster, !view.isInternalLocal, cluster)] : []),
    ...(usesLocal ? [spread(names.local, view.isInternalLocal, local)] : []),
    ...endpoints.map((endpoint) => planEndpoint(view, endpoint)),
  ]
}

/** The node may be a router to the Services for others: the reply must come back through it. */
function masqueradeInternal(view: View): readonly Rule[] {
  const { settings, names } = view
  const notLocal = notFromLocalPod(settings)
  if (!settings.masqueradeAll && !notLocal) return []
  const source = settings.masqueradeAll || !notLocal ? [] : [notLocal]
  return view.clusterIPs.map((frontend) => ({
    when: [...to(view, `${names.comment} cluster IP`, frontend), ...source],
    do: MASQUERADE,
  }))
}

function planExternal(view: View): readonly Rule[] {
  const { names, settings } = view
  const destinations = `for ${names.comment} external destinations`
  const target = view.isExternalLocal ? names.local : names.cluster
  const rest: readonly Rule[] = view.hasExternalEndpoints ? [{ when: [], do: jumpTo(target) }] : []
  if (!view.isExternalLocal) {
    return [{ when: [comment(`masquerade traffic ${destinations}`)], do: MASQUERADE }, ...rest]
  }
  const local = fromLocalPod(settings)
  const cluster = jumpTo(names.cluster)
  const pods: readonly Rule[] = local
    ? [{ when: [comment(`pod traffic ${destinations}`), local], do: cluster }]
    : []
  return [
    ...pods,
    {
      when: [comment(`masquerade LOCAL traffic ${destinations}`), SOURCE_LOCAL],
      do: MASQUERADE,
    },
    { when: [comment(`route LOCAL traffic ${destinations}`), SOURCE_LOCAL], do: cluster },
    ...rest,
  ]
}

function planFirewall(view: View): readonly Rule[] {
  const { names, port, loadBalancerIPs } = view
  const said = comment(`${names.comment} loadbalancer IP`)
  const ranges = port.sourceRanges ?? []
  const from = (network: IP | CIDR): Rule => ({
    when: [said, { kind: 'source', network }],
    do: jumpTo(names.external),
  })
  // Where the node has the address itself, its own packets come from that address.
  const others = `other traffic to ${names.comment} will be dropped by KUBE-PROXY-FIREWALL`
  return [
    ...ranges.map(from),
    ...(port.allowsVIPAsSource ? loadBalancerIPs.map(({ ip }) => from(ip)) : []),
    { when: [comment(others)] },
  ]
}
