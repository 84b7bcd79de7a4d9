import { type CIDR, formatCIDR, nthAddress } from '#ip/cidr.ts'
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
