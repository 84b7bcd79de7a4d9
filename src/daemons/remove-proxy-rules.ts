import { openNft } from '#kernel/nft/open-nft.ts'
import type { Log } from '#log/log.ts'
import { PROXY_MODES } from '#service-network/proxy/mode.ts'
import { loadMode } from '#service-network/proxy/modes.ts'

/** `fairlead proxy --cleanup`: takes away what proxies of every mode, ours and kube-proxy's, left in this network. `false` where some could not. */
export async function removeEveryMode(log: Log): Promise<boolean> {
  let isDone = true
  const attempt = async (what: string, remove: () => unknown) => {
    try {
      await remove()
    } catch (error) {
      isDone = false
      log.error(`Cannot remove the rules of ${what}`, { error })
    }
  }
  for (const name of PROXY_MODES)
    for (const family of [4, 6] as const)
      await attempt(`mode ${name}, IPv${family}`, async () => {
        await (await loadMode(name)).removeLeftovers({ log }, family)
      })
  await attempt("kube-proxy's nftables mode", () => {
    using nft = openNft()
    // Made first, so that the deletion finds it.
    for (const table of ['ip kube-proxy', 'ip6 kube-proxy'])
      nft.commit(`add table ${table}\ndelete table ${table}\n`)
  })
  return isDone
}
