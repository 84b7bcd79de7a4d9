import { parseIP } from '#ip/ip.ts'
import { isOnNodeNetwork } from './address-plan.ts'
import { isClusterName } from './layout.ts'
import { checkNetworks, defaultNetworks, parseNetworks, planSubnets } from './network-options.ts'
import { checkStoreOptions, type StoreOptions } from './store-options.ts'

/** How a cluster is made. Stored with it; `up` on an existing cluster must be given the same or nothing. */
export interface ClusterOptions extends StoreOptions {
  readonly name: string
  readonly nodes: number
  readonly ipFamily: (typeof IP_FAMILIES)[number]
  /** `routed`: the nodes are in two subnets that a router joins. */
  readonly underlay: (typeof UNDERLAYS)[number]
  /** A network, or one of each family with a comma between them; the same for the next two. */
  readonly nodeCIDR: string
  readonly podCIDR: string
  readonly serviceCIDR: string
  /** Prefix length of each node's share of the pod network; undefined: 24, and 64 of IPv6. */
  readonly nodeMaskIPv4?: number | undefined
  readonly nodeMaskIPv6?: number | undefined
  /** Name of the bridge that a node's pods are on; undefined: cni0. */
  readonly bridge?: string | undefined
  /** How Services become rules on the nodes; undefined: nftables. `none` leaves it to whoever is started beside. */
  readonly proxy?: ProxyMode | 'none' | undefined
  /** What `--proxy-config` says of it, by the paths of its fields, as JSON (`daemons/proxy-config.ts`). */
  readonly proxyConfig?: string | undefined
  /** Services may have `externalIPs`: whoever may write Services can take any address with them (CVE-2020-8554). */
  readonly allowExternalIPs?: boolean | undefined
  /** Of `--proxy iptables`: `classic` has the names and rules of kube-proxy before 1.19; undefined: today's. */
  readonly iptablesLayout?: (typeof IPTABLES_LAYOUTS)[number] | undefined
  /** Of `--proxy iptables`: which of both commands; undefined: what `iptables` stands for on this machine. */
  readonly iptablesVariant?: (typeof IPTABLES_VARIANTS)[number] | undefined
  /** What carries packets between nodes; undefined: vxlan. */
  readonly backend?: PodNetworkBackend | undefined
  /** Of `--backend vxlan`: packets to nodes on the same link go without a tunnel; undefined: all go by it. */
  readonly directRouting?: boolean | undefined
  /** Undefined: 6443 or the next free port of the host's loopback. */
  readonly apiPort?: number | undefined
  /** Nameservers that the DNS relay asks; undefined: those of the host. */
  readonly dnsUpstream?: readonly string[] | undefined
}

export const IP_FAMILIES = ['ipv4', 'ipv6', 'dual'] as const
export const IPTABLES_LAYOUTS = ['modern', 'classic'] as const
export const IPTABLES_VARIANTS = ['nft', 'legacy'] as const
export const UNDERLAYS = ['flat', 'routed'] as const

export const defaults = {
  name: 'c1',
  nodes: 3,
  ipFamily: 'ipv4',
  underlay: 'flat',
  ...defaultNetworks({ ipFamily: 'ipv4' }),
} as const satisfies ClusterOptions

export type ProxyMode = 'nftables' | 'iptables' | 'ipvs' | 'userspace'
/** Those of `service-network/proxy/mode.ts`. */
export const PROXY_MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs', 'userspace']

/** flannel's names, and `cloud`. `fairlead pod-network` alone has more, by net-conf.json. */
export type PodNetworkBackend = (typeof BACKENDS)[number]
export const BACKENDS = ['vxlan', 'host-gw', 'udp', 'cloud'] as const

/** The options that were given, with defaults for the rest; those of the networks follow from the families. */
export function completeOptions(asked: Partial<ClusterOptions>): ClusterOptions {
  const given = Object.fromEntries(
    Object.entries(asked).filter(([, value]) => value !== undefined),
  ) as Partial<ClusterOptions>
  const options = { ...defaults, ...given }
  return { ...options, ...defaultNetworks({ ...given, ipFamily: options.ipFamily }), ...given }
}

const MAX_NODES = 100
export const API_PORT = 6443
export const CLUSTER_DOMAIN = 'cluster.local'

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
  if (!IP_FAMILIES.includes(options.ipFamily))
    problem(`--ip-family ${options.ipFamily}`, `it is one of ${IP_FAMILIES.join(', ')}`)
  if (!UNDERLAYS.includes(options.underlay))
    problem(`--underlay ${options.underlay}`, `it is one of ${UNDERLAYS.join(', ')}`)
  const { backend, directRouting } = options
  if (directRouting && backend !== undefined && backend !== 'vxlan')
    problem('--direct-routing', 'it is an option of --backend vxlan')
  if (backend !== undefined && !BACKENDS.includes(backend))
    problem(`--backend ${backend}`, `it is one of ${BACKENDS.join(', ')}`)
  else if (backend === 'udp' && options.ipFamily !== 'ipv4')
    problem('--backend udp', 'it carries IPv4 only')
  else if (backend === 'host-gw' && options.underlay === 'routed' && options.nodes > 1)
    problem(
      '--backend host-gw',
      'with --underlay routed nodes are behind a router, and it needs all nodes on one link (vxlan and udp work over both, and vxlan with --direct-routing tunnels to nodes behind the router only)',
    )
  else if (backend === 'cloud' && options.underlay !== 'routed')
    problem(
      '--backend cloud',
      "its routes are the nodes' router's, and there is one with --underlay routed",
    )
  const port = options.apiPort
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536))
    problem(`--api-port ${port}`, 'a port is 1 to 65535')
  const { bridge } = options
  if (bridge !== undefined && !isBridgeName(bridge)) {
    problem(`--bridge ${bridge}`, 'it is no name for a link, or one that a node has already')
  }
  const { proxy } = options
  if (proxy === undefined || proxy === 'none') {
    // Nothing to check.
  } else if (!PROXY_MODES.includes(proxy))
    problem(`--proxy ${proxy}`, `it is one of ${PROXY_MODES.join(', ')}, none`)
  if (proxy === 'none' && options.proxyConfig !== undefined)
    problem('--proxy-config', 'with --proxy none there is no proxy')
  if (proxy === 'none' && options.allowExternalIPs)
    problem('--allow-external-ips', 'with --proxy none there is no proxy')
  if (options.proxy !== 'iptables') {
    const why = 'it is an option of --proxy iptables'
    if (options.iptablesLayout) problem(`--iptables-layout ${options.iptablesLayout}`, why)
    if (options.iptablesVariant) problem(`--iptables-variant ${options.iptablesVariant}`, why)
  }
  const upstreams = options.dnsUpstream ?? []
  for (const server of upstreams) {
    if (parseIP(server) === undefined)
      problem(`--dns-upstream ${server}`, 'it is not an IP address')
  }
  const subnets = planSubnets(parseNetworks(options, 'nodeCIDR') ?? [], options)
  const onNodeNetwork = upstreams.map((server) => isOnNodeNetwork({ subnets }, server))
  if (onNodeNetwork.includes(true) && onNodeNetwork.includes(false)) {
    problem(
      `--dns-upstream ${upstreams.join(',')}`,
      'some are on the node network and some are not',
    )
  }
  return [...problems, ...checkNetworks(options)]
}

/** What the kernel takes, and no other link of a node is called: 15 letters, digits, `_`, `.` and `-` at most. */
function isBridgeName(name: string): boolean {
  const isTaken = /^(lo|eth\d+|flannel[.-].*|kube-.*|veth.*)$/.test(name)
  return /^\w[\w.-]{0,14}$/.test(name) && !isTaken
}

/** The flags in which two option sets differ, as `--nodes 3 (now 5)`. `asked` holds only what was given. */
export function diffOptions(
  stored: ClusterOptions,
  asked: Partial<ClusterOptions>,
): readonly string[] {
  const flags = {
    nodes: '--nodes',
    ipFamily: '--ip-family',
    underlay: '--underlay',
    bridge: '--bridge',
    nodeCIDR: '--node-cidr',
    podCIDR: '--pod-cidr',
    serviceCIDR: '--service-cidr',
    nodeMaskIPv4: '--node-cidr-mask-size-ipv4',
    nodeMaskIPv6: '--node-cidr-mask-size-ipv6',
    apiPort: '--api-port',
    proxy: '--proxy',
    proxyConfig: '--proxy-config',
    allowExternalIPs: '--allow-external-ips',
    iptablesLayout: '--iptables-layout',
    iptablesVariant: '--iptables-variant',
    backend: '--backend',
    directRouting: '--direct-routing',
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
