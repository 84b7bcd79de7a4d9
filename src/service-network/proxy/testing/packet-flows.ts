import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { cidr } from '#ip/cidr.ts'
import { type Family, ip } from '#ip/ip.ts'
import type { ServiceModelOptions } from '../../model.ts'
import type { LocalDetector, ModeOptions, ProxyMode } from '../mode.ts'
import type { ProxyOptions } from '../run-proxy.ts'
import { inFamily } from './in-family.ts'
import { endpointOf, portOf, serviceOf, sliceOf } from './objects.ts'

/*
 * What happens to a packet on node1: one table for all modes, over the plan of each (suite-of-traced-flows.ts) and as real packets
 * (suite-of-kernel-flows.ts). Where a mode cannot do as the others, its row says so in `differs`, and why.
 * Nodes 172.30.0.0/24: node1 .11, node2 .12, outside .254. Pods: a 10.244.1.7 and b 10.244.1.8 on node1, c 10.244.2.9 on node2.
 * Load balancer's addresses .200 to .203, which node1 answers for.
 */

export const OPTIONS = {
  nodeName: 'node1',
  nodeIP: ip('172.30.0.11'),
  podCIDR: cidr('10.244.0.0/16'),
  serviceCIDR: cidr('10.96.0.0/16'),
  podDevice: 'cni0',
  zone: 'z1',
  allowExternalIPs: true,
} as const satisfies ModeOptions & ServiceModelOptions

/** The same for `runProxy()`, of one family and of both. */
export const PROXY_OPTIONS: ProxyOptions = { ...OPTIONS, families: [OPTIONS] }
export const DUAL_STACK_OPTIONS: ProxyOptions = {
  ...OPTIONS,
  families: [OPTIONS, inFamily(6, OPTIONS)],
}

export const A = '10.244.1.7'
export const B = '10.244.1.8'
export const C = '10.244.2.9'
export const OUTSIDE = '172.30.0.254'
export const NODE = '172.30.0.11'
/** Nobody's, but outside routes it to node1. */
export const EXTERNAL = '172.30.0.240'

export const SERVICES: readonly Service[] = [
  serviceOf('web', {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.20',
    ports: portOf(80, { nodePort: 30080 }),
    loadBalancerIPs: ['172.30.0.200'],
  }),
  serviceOf('far', {
    type: 'NodePort',
    clusterIP: '10.96.0.21',
    ports: portOf(80, { nodePort: 30081 }),
  }),
  serviceOf('empty', {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.22',
    ports: [
      ...portOf(80, { name: 'http', nodePort: 30082 }),
      ...portOf(53, { name: 'dns', protocol: 'UDP' }),
    ],
    loadBalancerIPs: ['172.30.0.201'],
  }),
  serviceOf('keep', {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.23',
    ports: portOf(80, { nodePort: 30083 }),
    loadBalancerIPs: ['172.30.0.202'],
  }),
  serviceOf('keep-far', {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.24',
    ports: portOf(80, { nodePort: 30084 }),
  }),
  serviceOf('here', { internalTrafficPolicy: 'Local', clusterIP: '10.96.0.25', ports: portOf(80) }),
  serviceOf('not-here', {
    internalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.26',
    ports: portOf(80),
  }),
  serviceOf('two', {
    clusterIP: '10.96.0.27',
    ports: [...portOf(33306, { name: 'db' }), ...portOf(53, { name: 'dns', protocol: 'UDP' })],
  }),
  serviceOf('fenced', {
    type: 'LoadBalancer',
    clusterIP: '10.96.0.28',
    ports: portOf(80),
    loadBalancerSourceRanges: ['172.30.0.0/25', '10.244.1.0/24'],
    loadBalancerIPs: ['172.30.0.203'],
  }),
  serviceOf('by-hand', { clusterIP: '10.96.0.29', ports: portOf(80) }),
  serviceOf('outer', { clusterIP: '10.96.0.30', ports: portOf(80), externalIPs: [EXTERNAL] }),
  serviceOf('outer-far', {
    clusterIP: '10.96.0.31',
    ports: portOf(81),
    externalIPs: [EXTERNAL],
    externalTrafficPolicy: 'Local',
  }),
  serviceOf('outer-empty', {
    clusterIP: '10.96.0.32',
    ports: portOf(82),
    externalIPs: [EXTERNAL],
  }),
  serviceOf('zoned', {
    clusterIP: '10.96.0.33',
    ports: portOf(80),
    trafficDistribution: 'PreferSameZone',
  }),
  serviceOf('near', {
    clusterIP: '10.96.0.34',
    ports: portOf(80),
    trafficDistribution: 'PreferSameNode',
  }),
  serviceOf('elsewhere', { clusterIP: '10.96.0.35', ports: portOf(80) }),
  serviceOf('leaving', { clusterIP: '10.96.0.36', ports: portOf(80) }),
  serviceOf('signalling', {
    type: 'NodePort',
    clusterIP: '10.96.0.37',
    ports: portOf(9090, { protocol: 'SCTP', nodePort: 30_090 }),
  }),
]

export const SLICES: readonly EndpointSlice[] = [
  sliceOf('web', [A]),
  sliceOf('far', [C]),
  sliceOf('empty', [], []),
  sliceOf('keep', [A, C]),
  sliceOf('keep-far', [C]),
  sliceOf('here', [A, C]),
  sliceOf('not-here', [C]),
  sliceOf('two', [A], ['db=8080', 'dns=8082/udp']),
  sliceOf('fenced', [A]),
  sliceOf('by-hand', [{ addresses: [A] }]),
  sliceOf('outer', [A]),
  sliceOf('outer-far', [C]),
  sliceOf('outer-empty', [], []),
  sliceOf('zoned', [
    endpointOf(A, { hints: { forZones: [{ name: 'z1' }] } }),
    endpointOf(C, { hints: { forZones: [{ name: 'z2' }] } }),
  ]),
  sliceOf('near', [
    endpointOf(A, { hints: { forNodes: [{ name: 'node2' }], forZones: [{ name: 'z2' }] } }),
    endpointOf(C, { hints: { forNodes: [{ name: 'node1' }], forZones: [{ name: 'z2' }] } }),
  ]),
  sliceOf('elsewhere', [endpointOf(A, { hints: { forZones: [{ name: 'z1' }] } }), endpointOf(C)]),
  sliceOf('leaving', [
    endpointOf(A, { conditions: { ready: false, serving: true, terminating: true } }),
    endpointOf(C, { conditions: { ready: false, serving: false, terminating: true } }),
  ]),
  sliceOf('signalling', [A], ['9090/sctp']),
]

export interface PacketFlow {
  readonly name: string
  readonly from: string
  readonly to: string
  /** As `formatOutcome` says it; ` | ` between two that chance picks from. */
  readonly want: string
  /** The lab has no such client. */
  readonly onlyTraced?: true
  /** `pod-cidr`: where pods of this node are told by their addresses, in whichever mode. */
  readonly differs?: Partial<Readonly<Record<ProxyMode | 'pod-cidr', string>>>
}

/** The table as one mode must keep it in one family. By default kube-proxy's chains know pods by their addresses. */
export function flowsOf(
  mode: ProxyMode,
  family: Family,
  localDetector: LocalDetector = mode === 'iptables' ? 'pod-cidr' : 'pod-device',
): readonly PacketFlow[] {
  const byAddress = localDetector === 'pod-cidr' ? ('pod-cidr' as const) : mode
  return FLOWS.map(({ differs, ...flow }) => ({
    name: flow.name,
    ...(flow.onlyTraced && { onlyTraced: flow.onlyTraced }),
    ...inFamily(family, {
      from: flow.from,
      to: flow.to,
      want: asBy(mode, differs?.[mode] ?? differs?.[byAddress] ?? flow.want),
    }),
  }))
}

/** The userspace mode always replaces the client's address: the endpoint hears from its relay. */
function asBy(mode: ProxyMode, want: string): string {
  return mode === 'userspace' ? want.replaceAll(/^dnat|(?<=\| )dnat/g, 'masquerade, dnat') : want
}

const A80 = `dnat ${A}:8080`
const C80 = `dnat ${C}:8080`

/** kube-proxy's chains know ports that exist only: the rest takes the default route (k/k#22952). */
const FALLS_THROUGH = { iptables: 'accept', userspace: 'accept' } as const

/** Sources of what is wanted: facts/services.md 1.1, except where a comment says more. */
export const FLOWS: readonly PacketFlow[] = [
  { name: 'pod to ClusterIP', from: B, to: '10.96.0.20:80/tcp', want: A80 },
  { name: 'pod to ClusterIP on another node', from: B, to: '10.96.0.21:80/tcp', want: C80 },
  { name: 'node to ClusterIP', from: NODE, to: '10.96.0.20:80/tcp', want: `masquerade, ${A80}` },
  {
    name: 'node to ClusterIP elsewhere',
    from: NODE,
    to: '10.96.0.21:80/tcp',
    want: `masquerade, ${C80}`,
  },
  {
    name: 'outside to ClusterIP through the node',
    from: OUTSIDE,
    to: '10.96.0.20:80/tcp',
    want: `masquerade, ${A80}`,
  },
  { name: 'hairpin: pod to itself', from: A, to: '10.96.0.20:80/tcp', want: `masquerade, ${A80}` },
  {
    name: 'hairpin through a nodePort',
    from: A,
    to: `${NODE}:30080/tcp`,
    want: `masquerade, ${A80}`,
  },
  {
    name: 'hairpin where a slice does not say the node',
    from: A,
    to: '10.96.0.29:80/tcp',
    want: `masquerade, ${A80}`,
  },
  {
    name: 'outside to nodePort',
    from: OUTSIDE,
    to: `${NODE}:30080/tcp`,
    want: `masquerade, ${A80}`,
  },
  {
    name: 'outside to nodePort, endpoint elsewhere',
    from: OUTSIDE,
    to: `${NODE}:30081/tcp`,
    want: `masquerade, ${C80}`,
  },
  {
    name: "pod to its own node's nodePort",
    from: B,
    to: `${NODE}:30081/tcp`,
    want: `masquerade, ${C80}`,
  },
  // Without masquerading, a's reply would go straight to c, which never heard of a.
  {
    name: "pod to another node's nodePort",
    from: C,
    to: `${NODE}:30080/tcp`,
    want: `masquerade, ${A80}`,
  },
  {
    name: 'node to its own nodePort',
    from: NODE,
    to: `${NODE}:30081/tcp`,
    want: `masquerade, ${C80}`,
  },
  {
    name: 'outside to LoadBalancer',
    from: OUTSIDE,
    to: '172.30.0.200:80/tcp',
    want: `masquerade, ${A80}`,
  },
  { name: 'pod to LoadBalancer', from: B, to: '172.30.0.200:80/tcp', want: `masquerade, ${A80}` },
  {
    name: 'outside pings LoadBalancer: the node answers',
    from: OUTSIDE,
    to: '172.30.0.200',
    want: `dnat ${NODE}`,
    differs: { iptables: 'accept', userspace: 'accept', ipvs: 'dnat 172.30.0.200' },
  },
  {
    name: 'wrong port of LoadBalancer',
    from: OUTSIDE,
    to: '172.30.0.200:81/tcp',
    want: 'reject',
    differs: FALLS_THROUGH,
  },

  {
    name: 'externalTrafficPolicy Local keeps the source',
    from: OUTSIDE,
    to: `${NODE}:30083/tcp`,
    want: A80,
  },
  {
    name: 'Local LoadBalancer keeps the source',
    from: OUTSIDE,
    to: '172.30.0.202:80/tcp',
    want: A80,
  },
  {
    name: 'Local without local endpoints drops',
    from: OUTSIDE,
    to: `${NODE}:30084/tcp`,
    want: 'drop',
  },
  { name: 'Local, from a pod here: all endpoints', from: B, to: `${NODE}:30084/tcp`, want: C80 },
  // By their addresses, pods of other nodes are taken for this node's. In ipvs mode one set of destinations is for all.
  {
    name: 'Local, from a pod elsewhere: as from outside',
    from: C,
    to: `${NODE}:30083/tcp`,
    want: A80,
    differs: { 'pod-cidr': `${A80} | masquerade, ${C80}`, ipvs: A80 },
  },
  {
    name: 'Local, from a pod elsewhere, no local endpoints',
    from: C,
    to: `${NODE}:30084/tcp`,
    want: 'drop',
    differs: { 'pod-cidr': `masquerade, ${C80}` },
  },
  {
    name: 'Local, from the node: all endpoints',
    from: NODE,
    to: `${NODE}:30084/tcp`,
    want: `masquerade, ${C80}`,
  },
  { name: 'Local says nothing about the ClusterIP', from: B, to: '10.96.0.24:80/tcp', want: C80 },
  { name: 'internalTrafficPolicy Local', from: B, to: '10.96.0.25:80/tcp', want: A80 },
  {
    name: 'internalTrafficPolicy Local, from the node',
    from: NODE,
    to: '10.96.0.25:80/tcp',
    want: `masquerade, ${A80}`,
  },
  {
    name: 'internalTrafficPolicy Local without local endpoints',
    from: B,
    to: '10.96.0.26:80/tcp',
    want: 'drop',
  },

  { name: 'no endpoints, from a pod', from: B, to: '10.96.0.22:80/tcp', want: 'reject' },
  { name: 'no endpoints, from the node', from: NODE, to: '10.96.0.22:80/tcp', want: 'reject' },
  { name: 'no endpoints, UDP', from: B, to: '10.96.0.22:53/udp', want: 'reject' },
  { name: 'no endpoints, nodePort', from: OUTSIDE, to: `${NODE}:30082/tcp`, want: 'reject' },
  { name: 'no endpoints, LoadBalancer', from: OUTSIDE, to: '172.30.0.201:80/tcp', want: 'reject' },
  {
    name: 'no endpoints, LoadBalancer, from a pod',
    from: B,
    to: '172.30.0.201:80/tcp',
    want: 'reject',
  },
  {
    name: 'wrong port of a ClusterIP',
    from: B,
    to: '10.96.0.20:81/tcp',
    want: 'reject',
    differs: FALLS_THROUGH,
  },
  {
    name: 'wrong protocol of a ClusterIP',
    from: B,
    to: '10.96.0.20:80/udp',
    want: 'reject',
    differs: FALLS_THROUGH,
  },
  {
    name: 'ping of a ClusterIP',
    from: B,
    to: '10.96.0.20',
    want: 'reject',
    differs: { ...FALLS_THROUGH, ipvs: 'dnat 10.96.0.20' },
  },
  {
    name: 'ping of a ClusterIP, from the node',
    from: NODE,
    to: '10.96.0.20',
    want: 'reject',
    differs: { ...FALLS_THROUGH, ipvs: 'dnat 10.96.0.20' },
  },
  {
    name: 'no Service has the address',
    from: B,
    to: '10.96.0.99:80/tcp',
    want: 'drop',
    differs: { ...FALLS_THROUGH, ipvs: 'accept' },
  },

  { name: 'named port', from: B, to: '10.96.0.27:33306/tcp', want: A80 },
  { name: 'second port, UDP', from: B, to: '10.96.0.27:53/udp', want: `dnat ${A}:8082` },
  {
    name: 'UDP from the node',
    from: NODE,
    to: '10.96.0.27:53/udp',
    want: `masquerade, dnat ${A}:8082`,
  },
  { name: 'source range, outside it', from: OUTSIDE, to: '172.30.0.203:80/tcp', want: 'drop' },
  {
    name: 'source range, inside it',
    from: B,
    to: '172.30.0.203:80/tcp',
    want: `masquerade, ${A80}`,
  },
  {
    name: 'source range, the node',
    from: NODE,
    to: '172.30.0.203:80/tcp',
    want: `masquerade, ${A80}`,
  },
  {
    name: 'source ranges leave the ClusterIP alone',
    from: NODE,
    to: '10.96.0.28:80/tcp',
    want: `masquerade, ${A80}`,
  },
  // The balancer hands packets on with its address as the source (facts/services.md 1.1, loadBalancerSourceRanges).
  {
    name: "source range, the load balancer's own address where the node may",
    from: '172.30.0.203',
    to: '172.30.0.203:80/tcp',
    want: `masquerade, ${A80}`,
    onlyTraced: true,
  },
  {
    name: 'outside to externalIP',
    from: OUTSIDE,
    to: `${EXTERNAL}:80/tcp`,
    want: `masquerade, ${A80}`,
  },
  { name: 'pod to externalIP', from: B, to: `${EXTERNAL}:80/tcp`, want: `masquerade, ${A80}` },
  {
    name: 'externalIP, Local without local endpoints',
    from: OUTSIDE,
    to: `${EXTERNAL}:81/tcp`,
    want: 'drop',
  },
  { name: 'externalIP without endpoints', from: B, to: `${EXTERNAL}:82/tcp`, want: 'reject' },
  // facts/services.md 1.1, "topology": hints of zones, of nodes before them, and none where one endpoint has none.
  { name: 'hints: the endpoint of the zone', from: B, to: '10.96.0.33:80/tcp', want: A80 },
  { name: 'hints: the endpoint for the node', from: B, to: '10.96.0.34:80/tcp', want: C80 },
  {
    name: 'hints: all endpoints where one has none',
    from: B,
    to: '10.96.0.35:80/tcp',
    want: `${A80} | ${C80}`,
  },
  { name: 'the last one serves while it terminates', from: B, to: '10.96.0.36:80/tcp', want: A80 },
  // No SCTP sockets in most kernels. Nothing relays it, and as upstream userspace mode leaves it alone.
  {
    name: 'SCTP to ClusterIP',
    from: B,
    to: '10.96.0.37:9090/sctp',
    want: `dnat ${A}:9090`,
    differs: { userspace: 'accept' },
    onlyTraced: true,
  },
  {
    name: 'SCTP to nodePort',
    from: OUTSIDE,
    to: `${NODE}:30090/sctp`,
    want: `masquerade, dnat ${A}:9090`,
    differs: { userspace: 'accept' },
    onlyTraced: true,
  },
  { name: 'other traffic', from: B, to: `${C}:8080/tcp`, want: 'accept' },
  { name: 'traffic to the node itself', from: B, to: `${NODE}:10250/tcp`, want: 'accept' },
]
