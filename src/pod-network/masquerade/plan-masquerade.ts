import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { compareIPs, familyOf, type IP } from '#ip/ip.ts'

export const MASQUERADE_TABLE = 'fairlead-pod-network'

export interface MasqueradeOptions {
  /** The whole pod network. */
  readonly network: CIDR
  /** This node's part of it. */
  readonly podCIDR: CIDR
  /** Nodes that know the way to every pod, this one included. */
  readonly nodeIPs: readonly IP[]
}

/**
 * Who sees a pod under its own address, and who under its node's: pods and the nodes of the pod network know the way back to it,
 * everybody else does not. nft(8) text of our own table, the whole of it; loading it replaces the one that is there.
 */
export function planMasquerade({ network, podCIDR, nodeIPs }: MasqueradeOptions): string {
  const nodes = nodeIPs.filter((ip) => familyOf(ip) === 4).toSorted(compareIPs)
  const elements = nodes.length > 0 ? `\n    elements = { ${nodes.join(', ')} }` : ''
  return `add table ip ${MASQUERADE_TABLE}
delete table ip ${MASQUERADE_TABLE}
table ip ${MASQUERADE_TABLE} {
  set nodes {
    type ipv4_addr${elements}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr != ${formatCIDR(podCIDR)} return
    ip daddr ${formatCIDR(network)} return
    ip daddr 224.0.0.0/4 return
    ip daddr @nodes return
    masquerade fully-random
  }
}
`
}
