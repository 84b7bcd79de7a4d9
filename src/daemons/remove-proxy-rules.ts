import type { IptablesVariant } from '#kernel/iptables/async-iptables.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import type { Log } from '#log/log.ts'
import { PROXY_MODES, type ProxyMode } from '#service-network/proxy/mode.ts'
import { loadMode } from '#service-network/proxy/modes.ts'
import { persistently } from '#service-network/proxy/retire.ts'
import { usedVariant } from '#service-network/proxy/used-variant.ts'

const FAMILIES = [4, 6] as const
const TRIES = 3

/**
 * `fairlead proxy --cleanup`: takes away what proxies of every mode, ours and kube-proxy's, left in this network. Source of what goes with
 * which mode: kubernetes cmd/kube-proxy/app/server_linux.go, platformCleanup.
 *
 * @param keep a proxy serves in this mode, and what it has stays: of its mode goes only what is in the other iptables
 * @param variant the iptables of iptables mode where that is kept; the plain one by default
 * @returns `false` where some could not
 */
export async function removeProxyRules(
  log: Log,
  keep?: ProxyMode,
  variant?: IptablesVariant,
): Promise<boolean> {
  let isDone = true
  const attempt = async (what: string, remove: () => void | Promise<void>) => {
    try {
      await remove()
    } catch (error) {
      isDone = false
      log.error(`Cannot remove the rules of ${what}`, { error })
    }
  }
  for (const name of PROXY_MODES) {
    // It has no variants.
    if (name === 'nftables' && name === keep) continue
    for (const family of FAMILIES)
      await attempt(`mode ${name}, IPv${family}`, async () => {
        const kept = name === keep ? await usedVariant(name, variant, { family }) : undefined
        const mode = await loadMode(name)
        const remove = () => mode.removeLeftovers({ log }, family, kept)
        // Where a proxy serves, it changes the same tables meanwhile.
        await persistently({ log, tries: keep ? TRIES : 1 }, remove)
      })
  }
  // Beside our nftables mode a kube-proxy's table may be at work: it goes where it is asked for.
  if (keep !== 'nftables') await attempt("kube-proxy's nftables mode", removeTablesOfKubeProxy)
  return isDone
}

function removeTablesOfKubeProxy(): void {
  using nft = openNft()
  // Made first, so that the deletion finds it.
  for (const table of ['ip kube-proxy', 'ip6 kube-proxy'])
    nft.commit(`add table ${table}\ndelete table ${table}\n`)
}
