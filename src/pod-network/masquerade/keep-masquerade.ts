import type { Nft } from '#kernel/nft/nft.ts'
import type { OwnNode } from '../flannel/backend.ts'
import { FAMILIES, type Lease } from '../flannel/lease.ts'
import { createTableKeeper } from './keep-table.ts'
import { masqueradeTable, planMasquerade } from './plan-masquerade.ts'

/** Keeps our tables of both families. @returns whether any had to be written */
export function createMasquerade(nft: Nft): (node: OwnNode, peers: readonly Lease[]) => boolean {
  const keepers = FAMILIES.map((family) => ({
    family,
    keep: createTableKeeper(nft, masqueradeTable(family)),
  }))
  return (node, peers) => {
    const nodeIPs = [node.underlay.addresses, ...peers.map(({ publicIPs }) => publicIPs)]
    const renewed = keepers.map(({ family, keep }) => {
      const [network, podCIDR] = [node.networks[family], node.subnets[family]]
      if (!network || !podCIDR) return false
      const known = nodeIPs.flatMap((ips) => ips[family] ?? [])
      return keep(planMasquerade({ family, network, podCIDR, nodeIPs: [...new Set(known)] }))
    })
    return renewed.includes(true)
  }
}
