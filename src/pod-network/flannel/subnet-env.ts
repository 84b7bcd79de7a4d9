import { type CIDR, formatCIDR, nthAddress } from '#ip/cidr.ts'

export interface SubnetEnv {
  /** The whole pod network. */
  readonly network: CIDR
  /** This node's part of it. */
  readonly subnet: CIDR
  readonly mtuBytes: number
  /** Whether the daemon masquerades; flannel's CNI plugin does it where it does not. */
  readonly ipMasq: boolean
}

/** The file that flannel's CNI plugin reads (pkg/subnet/subnet.go, WriteSubnetFile): the subnet by its gateway. */
export function renderSubnetEnv({ network, subnet, mtuBytes, ipMasq }: SubnetEnv): string {
  const gateway = { address: nthAddress(subnet, 1), prefixLength: subnet.prefixLength }
  return [
    `FLANNEL_NETWORK=${formatCIDR(network)}`,
    `FLANNEL_SUBNET=${formatCIDR(gateway)}`,
    `FLANNEL_MTU=${mtuBytes}`,
    `FLANNEL_IPMASQ=${ipMasq}`,
    '',
  ].join('\n')
}
