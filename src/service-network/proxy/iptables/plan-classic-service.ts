import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Frontend, ProxiedEndpoint } from '../../model.ts'
import type { Chain, Match, Rule } from './iptables-plan.ts'
import { comment, jumpTo } from './plan-base.ts'
import { type PortContext, planEndpoint, planSpread, union } from './plan-endpoints.ts'
import { type PortPlan, part, to, type View, verdictOf, viewOf } from './plan-service.ts'
import { fromLocalPod, LOOPBACK_V4, LOOPBACK_V6, notFromLocalPod } from './settings.ts'

const MASQUERADE = jumpTo('KUBE-MARK-MASQ')
const DROP = jumpTo('KUBE-MARK-DROP')

/**
 * One Service port as kube-proxy made it up to 1.18, as tutorials show it: who is masqueraded is decided in KUBE-SERVICES, a load balancer's
 * address has a KUBE-FW chain, and externalTrafficPolicy Local a KUBE-XLB chain. internalTrafficPolicy Local is younger, and uses the
 * latter too.
 */
export function planClassicPort(context: PortContext): PortPlan {
  const view = viewOf(context)
  const { port } = view
  const usesLocal = view.isInternalLocal || view.isExternalLocal
  if (!view.hasEndpoints) {
    return { parts: refusals(view, view.clusterIPs, outsideOf(view)), chains: [] }
  }
  const { cluster } = port.endpoints
  const local = usesLocal ? port.endpoints.local : []
  return {
    parts: [
      ...part('nat', 'KUBE-SERVICES', [
        ...toClusterIPs(view),
        ...view.externalIPs.flatMap((frontend) => toExternalIP(view, frontend)),
        ...view.loadBalancerIPs.map((frontend) => ({
          when: to(view, `${view.names.comment} loadbalancer IP`, frontend),
          do: jumpTo(view.names.firewall),
        })),
      ]),
      ...part('nat', 'KUBE-NODEPORTS', toNodePort(view)),
      ...(view.hasInternalEndpoints ? [] : refusals(view, view.clusterIPs, [])),
    ],
    chains: [
      ...(view.loadBalancerIPs.length > 0
        ? [{ name: view.names.firewall, rules: planFirewall(view) }]
        : []),
      { name: view.names.cluster, rules: planSpread(view, cluster) },
      ...(usesLocal ? [{ name: view.names.local, rules: planLocal(view, local) }] : []),
      ...union(cluster, local).map((endpoint) => planEndpoint(view, endpoint)),
    ] satisfies readonly Chain[],
  }
}

function outsideOf(view: View): readonly Frontend[] {
  return [...view.externalIPs, ...view.loadBalancerIPs]
}

function refusals(view: View, inside: readonly Frontend[], outside: readonly Frontend[]) {
  const { text, target } = verdictOf(view)
  const rule = (frontend: Frontend): Rule => ({ when: to(view, text, frontend), do: target })
  const nodePorts: readonly Rule[] =
    view.nodePort === undefined || view.hasEndpoints
      ? []
      : [
          {
            when: to(view, text, { port: view.nodePort }).toSpliced(1, 0, {
              kind: 'destination-local',
            }),
            do: target,
          },
        ]
  return [
    ...part('filter', 'KUBE-SERVICES', inside.map(rule)),
    ...part('filter', 'KUBE-EXTERNAL-SERVICES', [...outside.map(rule), ...nodePorts]),
  ]
}

function toClusterIPs(view: View): readonly Rule[] {
  const { names, settings } = view
  if (!view.hasInternalEndpoints) return []
  const notLocal = notFromLocalPod(settings)
  const masqueraded: readonly Match[] | undefined = settings.masqueradeAll
    ? []
    : notLocal && [notLocal]
  return view.clusterIPs.flatMap((frontend) => {
    const when = to(view, `${names.comment} cluster IP`, frontend)
    const chain = view.isInternalLocal ? names.local : names.cluster
    return [
      ...(masqueraded ? [{ when: [...when, ...masqueraded], do: MASQUERADE }] : []),
      { when, do: jumpTo(chain) },
    ]
  })
}

/** Only what comes from off the machine, or goes to an address of the machine. */
function toExternalIP(view: View, frontend: Frontend): readonly Rule[] {
  const when = to(view, `${view.names.comment} external IP`, frontend)
  const chain = jumpTo(view.isExternalLocal ? view.names.local : view.names.cluster)
  return [
    ...(view.isExternalLocal ? [] : [{ when, do: MASQUERADE }]),
    {
      when: [...when, { kind: 'from-bridge', not: true }, { kind: 'source-local', not: true }],
      do: chain,
    },
    { when: [...when, { kind: 'destination-local' }], do: chain },
  ]
}

function toNodePort(view: View): readonly Rule[] {
  const { nodePort, names, settings } = view
  if (nodePort === undefined) return []
  const when = to(view, names.comment, { port: nodePort })
  if (!view.isExternalLocal) {
    return [
      { when, do: MASQUERADE },
      { when, do: jumpTo(names.cluster) },
    ]
  }
  const network = settings.nodeIP.includes(':') ? LOOPBACK_V6 : LOOPBACK_V4
  return [
    { when: [...when, { kind: 'source', network }], do: MASQUERADE },
    { when, do: jumpTo(names.local) },
  ]
}

/** What comes to its end was let in by no source range. */
function planFirewall(view: View): readonly Rule[] {
  const { names, port, loadBalancerIPs } = view
  const said = comment(`${names.comment} loadbalancer IP`)
  const target = jumpTo(view.isExternalLocal ? names.local : names.cluster)
  const ranges = port.sourceRanges
  const from = (network: IP | CIDR): Rule => ({
    when: [said, { kind: 'source', network }],
    do: target,
  })
  return [
    ...(view.isExternalLocal ? [] : [{ when: [said], do: MASQUERADE }]),
    ...(ranges ? ranges.map(from) : [{ when: [said], do: target }]),
    ...(port.allowsVIPAsSource ? loadBalancerIPs.map(({ ip }) => from(ip)) : []),
    { when: [said], do: DROP },
  ]
}

/** The node and its pods use all endpoints, as the source is kept for them anyhow; others those of this node. */
function planLocal(view: View, endpoints: readonly ProxiedEndpoint[]): readonly Rule[] {
  const { names, settings } = view
  const cluster = jumpTo(names.cluster)
  const local = fromLocalPod(settings)
  const text = 'Redirect pods trying to reach external loadbalancer VIP to clusterIP'
  const source: Match = { kind: 'source-local' }
  const shortcuts: readonly Rule[] = view.isInternalLocal
    ? []
    : [
        ...(local ? [{ when: [comment(text), local], do: cluster }] : []),
        {
          when: [comment(`masquerade LOCAL traffic for ${names.comment} LB IP`), source],
          do: MASQUERADE,
        },
        {
          when: [
            comment(`route LOCAL traffic for ${names.comment} LB IP to service chain`),
            source,
          ],
          do: cluster,
        },
      ]
  if (endpoints.length === 0) {
    return [...shortcuts, { when: [comment(`${names.comment} has no local endpoints`)], do: DROP }]
  }
  const describe = (_: PortContext, __: ProxiedEndpoint, i: number) =>
    `Balancing rule ${i} for ${names.comment}`
  return [...shortcuts, ...planSpread(view, endpoints, describe)]
}
