import { type CIDR, formatCIDR, networkOf, nthAddress, parseInterfaceAddress } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type { PerFamily } from './lease.ts'

export interface SubnetEnv {
  /** The whole pod network. */
  readonly networks: PerFamily<CIDR>
  /** This node's part of it. */
  readonly subnets: PerFamily<CIDR>
  readonly mtuBytes: number
  /** Whether the daemon masquerades; flannel's CNI plugin does it where it does not. */
  readonly ipMasq: boolean
}

/** The file that flannel's CNI plugin reads (pkg/subnet/subnet.go, WriteSubnetFile): the subnet by its gateway. */
export function renderSubnetEnv({ networks, subnets, mtuBytes, ipMasq }: SubnetEnv): string {
  const lines = (prefix: string, network: CIDR | undefined, subnet: CIDR | undefined) =>
    network && subnet
      ? [
          `${prefix}NETWORK=${formatCIDR(network)}`,
          `${prefix}SUBNET=${formatCIDR({ ...subnet, address: nthAddress(subnet, 1) })}`,
        ]
      : []
  return [
    ...lines('FLANNEL_', networks[4], subnets[4]),
    ...lines('FLANNEL_IPV6_', networks[6], subnets[6]),
    `FLANNEL_MTU=${mtuBytes}`,
    `FLANNEL_IPMASQ=${ipMasq}`,
    '',
  ].join('\n')
}

/** The subnets that an earlier life of this node wrote there; none where the file does not say. */
export function parseSubnetEnv(text: string): PerFamily<CIDR> {
  const subnet = (name: string, family: Family): CIDR | undefined => {
    const [, value = ''] = new RegExp(`^${name}=(\\S+)$`, 'm').exec(text) ?? []
    const parsed = parseInterfaceAddress(value)
    return parsed && familyOf(parsed.address) === family ? networkOf(parsed) : undefined
  }
  const [v4, v6] = [subnet('FLANNEL_SUBNET', 4), subnet('FLANNEL_IPV6_SUBNET', 6)]
  return { ...(v4 && { 4: v4 }), ...(v6 && { 6: v6 }) }
}
