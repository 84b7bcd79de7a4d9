import { type CIDR, cidrContains, nthAddress } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import {
  clusterFamilies,
  type NetworkOption,
  nodeMasks,
  parseNetworks,
  planSubnets,
} from './network-options.ts'
import type { ClusterOptions } from './options.ts'

/**
 * The addresses that follow from the options (design.md, "Address plan"). Of what has one a family the first is the primary: that of
 * Services and of `status.podIP`.
 */
export interface AddressPlan {
  readonly families: readonly Family[]
  /** Of the nodes: one, or two that a router joins. */
  readonly subnets: readonly (readonly CIDR[])[]
  readonly podCIDRs: readonly CIDR[]
  readonly serviceCIDRs: readonly CIDR[]
  readonly controlPlane: readonly IP[]
  readonly outside: readonly IP[]
  /** Of the router, in the first subnet; none where there is one subnet. */
  readonly router: readonly IP[]
  readonly nodes: readonly NodeAddresses[]
  /** First ClusterIP: `default/kubernetes`. Of the primary family, as upstream's. */
  readonly kubernetesService: IP
  readonly dnsServices: readonly IP[]
  /** In the first subnet. */
  readonly loadBalancerPools: readonly { readonly first: IP; readonly last: IP }[]
  /** Prefix length of each node's share of the pod network, by family. */
  readonly nodeMasks: Readonly<Record<Family, number>>
}

export interface NodeAddresses {
  readonly name: string
  /** The first of `ips`. */
  readonly ip: IP
  readonly ips: readonly IP[]
}

/** Host numbers on the node network. */
const ROUTER = 1
const CONTROL_PLANE = 2
const FIRST_NODE = 11
const LOAD_BALANCERS = { first: 200, last: 250 } as const
const OUTSIDE = 254
/** As kubeadm has it: the tenth address of the Service network (GetDNSIP()). */
const DNS_SERVICE = 10

/** @throws RangeError for options that `checkOptions` refuses */
export function planAddresses(options: ClusterOptions): AddressPlan {
  const families = clusterFamilies(options)
  const networks = (option: NetworkOption) => {
    const parsed = parseNetworks(options, option)
    if (!parsed) throw new RangeError(`Cannot plan addresses of ${options[option]}`)
    return families.map((family) => parsed.find(({ address }) => familyOf(address) === family)!)
  }
  const subnets = planSubnets(networks('nodeCIDR'), options)
  const [first] = subnets
  const hostIn = (subnet: readonly CIDR[], host: number) =>
    subnet.map((network) => hostAddress(network, host))
  const serviceCIDRs = networks('serviceCIDR')
  return {
    families,
    subnets,
    podCIDRs: networks('podCIDR'),
    serviceCIDRs,
    controlPlane: hostIn(first!, CONTROL_PLANE),
    outside: hostIn(first!, OUTSIDE),
    router: subnets.length > 1 ? hostIn(first!, ROUTER) : [],
    nodes: Array.from({ length: options.nodes }, (_, i) => {
      // By turns, so that there are neighbours and nodes behind the router.
      const ips = hostIn(subnets[i % subnets.length]!, FIRST_NODE + i)
      return { name: `node${i + 1}`, ip: ips[0]!, ips }
    }),
    kubernetesService: nthAddress(serviceCIDRs[0]!, 1),
    dnsServices: serviceCIDRs.map((network) => nthAddress(network, DNS_SERVICE)),
    loadBalancerPools: first!.map((network) => ({
      first: hostAddress(network, LOAD_BALANCERS.first),
      last: hostAddress(network, LOAD_BALANCERS.last),
    })),
    nodeMasks: nodeMasks(options),
  }
}

/** Whether a nameserver is on the node network: then it is asked from there, and not from the host. */
export function isOnNodeNetwork({ subnets }: Pick<AddressPlan, 'subnets'>, text: string): boolean {
  const address = parseIP(text)
  return address !== undefined && subnets.flat().some((network) => cidrContains(network, address))
}

/** The same digits in both families: host 11 is 172.30.0.11 and fd00:172:30::11. */
function hostAddress(network: CIDR, host: number): IP {
  const isIPv6 = familyOf(network.address) === 6
  return nthAddress(network, isIPv6 ? Number.parseInt(String(host), 16) : host)
}
