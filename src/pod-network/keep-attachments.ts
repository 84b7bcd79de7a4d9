import { setTimeout as delay } from 'node:timers/promises'
import { type KernelChange, watchChanges } from '#kernel/netlink/watch-changes.ts'
import type { Log } from '#log/log.ts'
import type { PluginHost } from './cni/plugins/plugin.ts'
import { LOCALNET_TABLE } from './cni/plugins/portmap/localhost.ts'
import { PORT_MAP_TABLE } from './cni/plugins/portmap/plan-nftables-port-map.ts'
import { hasLost, type NodePicture, takePicture } from './node-picture.ts'
import type { KeptPodNetwork } from './pod-network.ts'
import { createWakeUp } from './wake-up.ts'

export interface KeepDeps {
  readonly podNetwork: Pick<KeptPodNetwork, 'ready' | 'keep'>
  /** Its namespace is the one that is listened to. */
  readonly host: PluginHost
  readonly log: Log
}

/** How often is looked though nothing was heard: sysctls send no news. */
const LOOK_MS = 1000
/** How often each attachment is compared though nothing is lost. */
const RESYNC_MS = 30_000
/** One event seldom comes alone, and most are of pods that are just being attached. */
const PAUSE_MS = 100

/**
 * Keeps what attached pods have on the node: the bridge, its addresses, their cables in it, their host ports. Attachments are
 * compared one by one only when the node has lost something, for that takes a while. Returns when `signal` aborts.
 */
export async function keepAttachments(
  { podNetwork, host, log }: KeepDeps,
  signal: AbortSignal,
): Promise<void> {
  const wakeUp = createWakeUp(signal)
  using _ = watchChanges((change) => {
    if (isOurBusiness(change)) wakeUp.wake()
  }, host.netns)
  await Promise.race([podNetwork.ready.catch(() => {}), wakeUp.aborted])
  let whole: NodePicture | undefined
  let comparedAt = 0
  let failure: string | undefined
  while (!signal.aborted) {
    try {
      // Before: what is lost from here on is missing in the next one.
      const picture = takePicture(host)
      const isDue = performance.now() - comparedAt > RESYNC_MS
      if (!whole || isDue || hasLost(whole, picture)) {
        whole = undefined
        const kept = await podNetwork.keep(host)
        comparedAt = performance.now()
        if (kept.length > 0) log.info('Put back what pods had on the node', { pods: kept })
        else whole = picture
      } else whole = picture
      failure = undefined
    } catch (cause) {
      // Said once, not every second.
      if (failure !== String(cause)) log.error('Cannot keep what pods have on the node', { cause })
      failure = String(cause)
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
    await wakeUp.sleep(LOOK_MS)
  }
}

function isOurBusiness(change: KernelChange): boolean {
  if (change.kind === 'nftables')
    return change.table === PORT_MAP_TABLE || change.table === LOCALNET_TABLE
  return change.kind === 'link' || change.kind === 'address' || change.kind === 'anything'
}
