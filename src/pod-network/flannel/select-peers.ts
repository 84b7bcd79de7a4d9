import { type CIDR, cidrContains, cidrsOverlap, formatCIDR } from '#ip/cidr.ts'
import type { OwnNode, Refusal } from './backend.ts'
import { type Lease, mapFamilies } from './lease.ts'

/**
 * The other nodes' leases that may be served, by name, and why others may not. A lease is anybody's word: a subnet outside of the
 * pod network would take traffic that is none of its own. Of two nodes with one subnet the first by name counts.
 */
export function selectPeers(
  leases: readonly Lease[],
  node: OwnNode,
  backendType: string,
): { readonly peers: readonly Lease[]; readonly refused: readonly Refusal[] } {
  const peers: Lease[] = []
  const refused: Refusal[] = []
  const taken = new Map<string, string>()
  for (const lease of leases.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const refuse = (why: string) => void refused.push({ node: lease.name, why })
    if (lease.backendType !== backendType) {
      refuse(
        `its backend is ${JSON.stringify(lease.backendType)}, not ${JSON.stringify(backendType)}`,
      )
      continue
    }
    const subnets = mapFamilies(lease.subnets, (subnet, family) => {
      const name = formatCIDR(subnet)
      const twin = taken.get(name)
      const why = twin
        ? `its subnet ${name} is also that of ${twin}`
        : whyNot(subnet, node.networks[family], node.subnets[family])
      if (why !== undefined) return refuse(why)
      taken.set(name, lease.name)
      return subnet
    })
    if (subnets[4] || subnets[6]) peers.push({ ...lease, subnets })
  }
  return { peers, refused }
}

function whyNot(
  subnet: CIDR,
  network: CIDR | undefined,
  own: CIDR | undefined,
): string | undefined {
  const name = formatCIDR(subnet)
  if (!network) return `the pod network has no family of its subnet ${name}`
  if (subnet.prefixLength < network.prefixLength || !cidrContains(network, subnet.address))
    return `its subnet ${name} is not in the pod network ${formatCIDR(network)}`
  if (own && cidrsOverlap(own, subnet)) return `its subnet ${name} overlaps with this node's own`
  return undefined
}
