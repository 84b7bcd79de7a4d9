import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { compareIPs, type Family, familyOf, type IP } from '#ip/ip.ts'

export const MASQUERADE_TABLE = 'fairlead-pod-network'

/** Of one family. */
export interface MasqueradeOptions {
  readonly family: Family
  /** The whole pod network. */
  readonly network: CIDR
  /** This node's part of it. */
  readonly podCIDR: CIDR
  /** Nodes that know the way to every pod, this one included; of any family. */
  readonly nodeIPs: readonly IP[]
  /** Source ports are not chosen at random: for kernels that cannot (--ip-masq-fully-random-disable). */
  readonly keepPorts?: boolean
}

const WORDS = {
  4: { family: 'ip', type: 'ipv4_addr', multicast: '224.0.0.0/4' },
  6: { family: 'ip6', type: 'ipv6_addr', multicast: 'ff00::/8' },
} as const

/** `ip fairlead-pod-network` or `ip6 fairlead-pod-network`. */
export function masqueradeTable(family: Family): string {
  return `${WORDS[family].family} ${MASQUERADE_TABLE}`
}

/**
 * Who sees a pod under its own address, and who under its node's: pods and the nodes of the pod network know the way back to it,
 * everybody else does not. nft(8) text of our own table, the whole of it; loading it replaces the one that is there.
 */
export function planMasquerade(options: MasqueradeOptions): string {
  const { network, podCIDR, nodeIPs, keepPorts = false } = options
  const { family, type, multicast } = WORDS[options.family]
  const nodes = nodeIPs.filter((ip) => familyOf(ip) === options.family).toSorted(compareIPs)
  const elements = nodes.length > 0 ? `\n    elements = { ${nodes.join(', ')} }` : ''
  const table = masqueradeTable(options.family)
  return `add table ${table}
delete table ${table}
table ${table} {
  set nodes {
    type ${type}${elements}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ${family} saddr != ${formatCIDR(podCIDR)} return
    ${family} daddr ${formatCIDR(network)} return
    ${family} daddr ${multicast} return
    ${family} daddr @nodes return
    masquerade${keepPorts ? '' : ' fully-random'}
  }
}
`
}
