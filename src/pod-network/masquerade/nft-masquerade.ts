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
    plan: remembering(planMasquerade),
  }))
  return {
    keep(node, peers) {
      const nodeIPs = [node.underlay.addresses, ...peers.map(({ publicIPs }) => publicIPs)]
      const renewed = keepers.map(({ family, keep, plan }) => {
        const [network, podCIDR] = [node.networks[family], node.subnets[family]]
        if (!network || !podCIDR) return false
        const known = [...new Set(nodeIPs.flatMap((ips) => ips[family] ?? []))]
        return keep(plan({ family, network, podCIDR, nodeIPs: known, keepPorts }))
      })
      return renewed.includes(true)
    },
  }
}

/** Sorting a thousand addresses takes longer than to see that they are the same. */
function remembering<T>(plan: (options: T) => string): (options: T) => string {
  let last: { readonly key: string; readonly planned: string } | undefined
  return (options) => {
    const key = JSON.stringify(options)
    if (last?.key !== key) last = { key, planned: plan(options) }
    return last.planned
  }
}
