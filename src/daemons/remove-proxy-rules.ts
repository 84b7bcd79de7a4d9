import type { Family } from '#ip/ip.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import type { Log } from '#log/log.ts'
import { PROXY_MODES, type ProxyMode } from '#service-network/proxy/mode.ts'
import { loadMode } from '#service-network/proxy/modes.ts'

const FAMILIES = [4, 6] as const

/** `fairlead proxy --cleanup`: takes away what proxies of every mode, ours and kube-proxy's, left in this network. `false` where some could not. */
export async function removeEveryMode(log: Log): Promise<boolean> {
  const areGone = await removeModes(PROXY_MODES, FAMILIES, log)
  return (await removeTablesOfKubeProxy(log)) && areGone
}

/**
 * Takes away what a proxy before this one left in another mode: its rules would go on sending to endpoints that are gone. Source of what
 * goes with which mode: kubernetes cmd/kube-proxy/app/server_linux.go, platformCleanup.
 */
export async function removeOtherModes(
  mode: ProxyMode,
  families: readonly Family[],
  log: Log,
): Promise<void> {
  const others = PROXY_MODES.filter((each) => each !== mode)
  await removeModes(others, families, log)
  if (mode !== 'nftables') await removeTablesOfKubeProxy(log)
}

async function removeModes(
  modes: readonly ProxyMode[],
  families: readonly Family[],
  log: Log,
): Promise<boolean> {
  let isDone = true
  for (const name of modes)
    for (const family of families) {
      const isGone = await attempt(`mode ${name}, IPv${family}`, log, async () =>
        (await loadMode(name)).removeLeftovers({ log }, family),
      )
      isDone &&= isGone
    }
  return isDone
}

function removeTablesOfKubeProxy(log: Log): Promise<boolean> {
  return attempt("kube-proxy's nftables mode", log, () => {
    using nft = openNft()
    // Made first, so that the deletion finds it.
    for (const table of ['ip kube-proxy', 'ip6 kube-proxy'])
      nft.commit(`add table ${table}\ndelete table ${table}\n`)
  })
}

async function attempt(
  what: string,
  log: Log,
  remove: () => void | Promise<void>,
): Promise<boolean> {
  try {
    await remove()
    return true
  } catch (error) {
    log.error(`Cannot remove the rules of ${what}`, { error })
    return false
  }
}
