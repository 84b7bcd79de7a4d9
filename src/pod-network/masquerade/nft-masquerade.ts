import type { Nft } from '#kernel/nft/nft.ts'
import { FAMILIES } from '../flannel/lease.ts'
import type { Firewall } from './firewall.ts'
import { createTableKeeper } from './keep-table.ts'
import { masqueradeTable, planMasquerade } from './plan-masquerade.ts'

/**
 * Masquerading by our own nftables tables, one a family. Forwarding is not theirs to allow: an `accept` in one table does not keep
 * another table from dropping the packet (nft(8), "accept").
 */
export function createNftMasquerade(
  nft: Nft,
  { keepPorts = false }: { readonly keepPorts?: boolean } = {},
): Firewall {
  const keepers = FAMILIES.map((family) => ({
    family,
    keep: createTableKeeper(nft, masqueradeTable(family)),
  }))
  return {
    keep(node, peers) {
      const nodeIPs = [node.underlay.addresses, ...peers.map(({ publicIPs }) => publicIPs)]
      const renewed = keepers.map(({ family, keep }) => {
        const [network, podCIDR] = [node.networks[family], node.subnets[family]]
        if (!network || !podCIDR) return false
        const known = [...new Set(nodeIPs.flatMap((ips) => ips[family] ?? []))]
        return keep(planMasquerade({ family, network, podCIDR, nodeIPs: known, keepPorts }))
      })
      return renewed.includes(true)
    },
  }
}
