import { type CIDR, cidrContains, cidrsOverlap, nthAddress, parseCIDR } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { isClusterName } from './layout.ts'
import { checkStoreOptions, type StoreOptions } from './store-options.ts'

/** How a cluster is made. Stored with it; `up` on an existing cluster must be given the same or nothing. */
export interface ClusterOptions extends StoreOptions {
  readonly name: string
  readonly nodes: number
  readonly nodeCIDR: string
  readonly podCIDR: string
  readonly serviceCIDR: string
  /** How Services become rules on the nodes; undefined: nftables. */
  readonly proxy?: ProxyMode | undefined
  /** Undefined: 6443 or the next free port of the host's loopback. */
  readonly apiPort?: number | undefined
  /** Nameservers that the DNS relay asks; undefined: those of the host. */
  readonly dnsUpstream?: readonly string[] | undefined
}

export const defaults = {
  name: 'c1',
  nodes: 3,
  nodeCIDR: '172.30.0.0/24',
  podCIDR: '10.244.0.0/16',
  serviceCIDR: '10.96.0.0/16',
} as const satisfies ClusterOptions

export type ProxyMode = 'nftables' | 'iptables' | 'ipvs' | 'userspace'
const PROXY_MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs', 'userspace']
/** Those that `service-network/proxy/modes.ts` has. */
export const BUILT_PROXY_MODES: readonly ProxyMode[] = ['nftables']

/** The addresses that follow from the options (design.md, "Address plan"). */
export interface AddressPlan {
  readonly nodeCIDR: CIDR
  readonly podCIDR: CIDR
  readonly serviceCIDR: CIDR
  readonly controlPlane: IP
  readonly outside: IP
  readonly nodes: readonly { readonly name: string; readonly ip: IP }[]
  /** First ClusterIP: `default/kubernetes`. */
  readonly kubernetesService: IP
  readonly dnsService: IP
  readonly loadBalancerPool: { readonly first: IP; readonly last: IP }
}

const MAX_NODES = 100
export const API_PORT = 6443
export const CLUSTER_DOMAIN = 'cluster.local'
/** Each node's share of the pod network. */
export const NODE_MASK = 24

/** @returns what is wrong with the options, as sentences for people; empty when nothing is. */
export function checkOptions(options: ClusterOptions): readonly string[] {
  const problems: string[] = [...checkStoreOptions(options)]
  const problem = (option: string, why: string) => problems.push(`Cannot use ${option}: ${why}`)
  if (!isClusterName(options.name)) {
    problem(
      `--name ${options.name}`,
      'a name is 1 to 32 lower-case letters, digits and dashes, with a letter or digit at both ends',
    )
  }
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > MAX_NODES) {
    problem(`--nodes ${options.nodes}`, `a cluster has 1 to ${MAX_NODES} nodes`)
  }
  const port = options.apiPort
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536))
    problem(`--api-port ${port}`, 'a port is 1 to 65535')
  const { proxy } = options
  if (proxy !== undefined && !PROXY_MODES.includes(proxy))
    problem(`--proxy ${proxy}`, `it is one of ${PROXY_MODES.join(', ')}`)
  else if (proxy !== undefined && !BUILT_PROXY_MODES.includes(proxy))
    problem(`--proxy ${proxy}`, `it is not built yet (${BUILT_PROXY_MODES.join(', ')} is)`)
  const upstreams = options.dnsUpstream ?? []
  for (const server of upstreams) {
    if (parseIP(server) === undefined)
      problem(`--dns-upstream ${server}`, 'it is not an IP address')
  }
  const nodeCIDR = parseCIDR(options.nodeCIDR)
  const onNodeNetwork = upstreams.map((server) => isWithin(nodeCIDR, server))
  if (onNodeNetwork.includes(true) && onNodeNetwork.includes(false)) {
    problem(
      `--dns-upstream ${upstreams.join(',')}`,
      'some are on the node network and some are not',
    )
  }
  const ranges = [
    { option: `--node-cidr ${options.nodeCIDR}`, range: parseCIDR(options.nodeCIDR), longest: 24 },
    { option: `--pod-cidr ${options.podCIDR}`, range: parseCIDR(options.podCIDR), longest: 23 },
    {
      option: `--service-cidr ${options.serviceCIDR}`,
      range: parseCIDR(options.serviceCIDR),
      longest: 28,
    },
  ]
  for (const { option, range, longest } of ranges) {
    if (!range || familyOf(range.address) !== 4)
      problem(option, 'it is not an IPv4 network such as 10.244.0.0/16')
    else if (range.prefixLength > longest)
      problem(option, `it is too small (a /${longest} or larger is needed)`)
  }
  const podCIDR = parseCIDR(options.podCIDR)
  const shares = podCIDR ? 2 ** (NODE_MASK - podCIDR.prefixLength) : options.nodes
  if (shares >= 2 && shares < options.nodes) {
    problem(`--pod-cidr ${options.podCIDR}`, `it has a /24 for ${shares} nodes only`)
  }
  for (const [i, a] of ranges.entries()) {
    for (const b of ranges.slice(i + 1)) {
      if (a.range && b.range && cidrsOverlap(a.range, b.range))
        problem(a.option, `it overlaps with ${b.option}`)
    }
  }
  return problems
}

/** @throws RangeError for options that {@link checkOptions} refuses */
export function planAddresses(options: ClusterOptions): AddressPlan {
  const [nodeCIDR, podCIDR, serviceCIDR] = [
    options.nodeCIDR,
    options.podCIDR,
    options.serviceCIDR,
  ].map(parseCIDR)
  if (!nodeCIDR || !podCIDR || !serviceCIDR) throw new RangeError(checkOptions(options).join('; '))
  return {
    nodeCIDR,
    podCIDR,
    serviceCIDR,
    controlPlane: nthAddress(nodeCIDR, 2),
    outside: nthAddress(nodeCIDR, 254),
    nodes: Array.from({ length: options.nodes }, (_, i) => ({
      name: `node${i + 1}`,
      ip: nthAddress(nodeCIDR, 11 + i),
    })),
    kubernetesService: nthAddress(serviceCIDR, 1),
    dnsService: nthAddress(serviceCIDR, 10),
    loadBalancerPool: { first: nthAddress(nodeCIDR, 200), last: nthAddress(nodeCIDR, 250) },
  }
}

/** The flags in which two option sets differ, as `--nodes 3 (now 5)`. `asked` holds only what was given. */
export function diffOptions(
  stored: ClusterOptions,
  asked: Partial<ClusterOptions>,
): readonly string[] {
  const flags = {
    nodes: '--nodes',
    nodeCIDR: '--node-cidr',
    podCIDR: '--pod-cidr',
    serviceCIDR: '--service-cidr',
    apiPort: '--api-port',
    proxy: '--proxy',
    dnsUpstream: '--dns-upstream',
    store: '--store',
    durability: '--durability',
    etcdServers: '--etcd-servers',
    etcdPrefix: '--etcd-prefix',
    etcdCAFile: '--etcd-cafile',
    etcdCertFile: '--etcd-certfile',
    etcdKeyFile: '--etcd-keyfile',
  } as const
  return Object.entries(flags).flatMap(([key, flag]) => {
    const [held, wanted] = [stored[key as keyof typeof flags], asked[key as keyof typeof flags]]
    if (wanted === undefined || String(held) === String(wanted)) return []
    return [`${flag} ${held ?? 'unset'} (asked: ${wanted})`]
  })
}

/** Whether a nameserver is on the node network: then it is asked from there, and not from the host. */
export function isOnNodeNetwork({ nodeCIDR }: AddressPlan, address: string): boolean {
  return isWithin(nodeCIDR, address)
}

function isWithin(network: CIDR | undefined, text: string): boolean {
  const address = parseIP(text)
  return network !== undefined && address !== undefined && cidrContains(network, address)
}
