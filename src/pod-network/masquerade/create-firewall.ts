import { cidr } from '#ip/cidr.ts'
import type { Iptables } from '#kernel/iptables/iptables.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Log } from '#log/log.ts'
import { FAMILIES } from '../flannel/lease.ts'
import { type Firewall, noFirewall } from './firewall.ts'
import { createIptablesFirewall, removeFlannelRules } from './iptables-firewall.ts'
import { createNftMasquerade } from './nft-masquerade.ts'
import { planFlannelRules } from './plan-flannel-rules.ts'
import { masqueradeTable } from './plan-masquerade.ts'

export interface FirewallChoice {
  /** flanneld's EnableNFTables. */
  readonly kind: 'nftables' | 'iptables'
  readonly masquerade: boolean
  readonly forward: boolean
  readonly randomFully: boolean
}

/** flanneld's own nftables tables: gone when it, or we, write by other means. */
const FLANNEL_TABLES = ['ip flannel-ipv4', 'ip6 flannel-ipv6']

/** The rules of the kind that was chosen, after those of the other kind were taken away: a node may have been set up otherwise before. */
export function createFirewall(
  { nft, iptables, log }: { readonly nft: Nft; readonly iptables: Iptables; readonly log: Log },
  { kind, ...options }: FirewallChoice,
): Firewall {
  if (kind === 'iptables') {
    removeTables(nft, [...FAMILIES.map(masqueradeTable), ...FLANNEL_TABLES])
    return createIptablesFirewall(iptables, options)
  }
  removeTables(nft, FLANNEL_TABLES)
  removeChains(iptables, log)
  const { masquerade, randomFully } = options
  return masquerade ? createNftMasquerade(nft, { keepPorts: !randomFully }) : noFirewall
}

function removeTables(nft: Nft, tables: readonly string[]): void {
  nft.commit(tables.map((table) => `add table ${table}\ndelete table ${table}\n`).join(''))
}

/** Where there is no iptables, nothing was written by it. */
function removeChains(iptables: Iptables, log: Log): void {
  const places = { 4: cidr('10.0.0.0/8'), 6: cidr('fd00::/8') }
  for (const family of FAMILIES) {
    // The chains' names and the rules that lead there are the same whatever the network.
    const [network, podCIDR] = [places[family], places[family]]
    const chains = planFlannelRules({
      network,
      podCIDR,
      masquerade: true,
      forward: true,
      randomFully: true,
    })
    try {
      removeFlannelRules(iptables, family, chains)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.errno !== 'ENOENT') log.warn("Cannot remove flannel's iptables rules", { error })
    }
  }
}
