import { setTimeout as delay } from 'node:timers/promises'
import { type KernelChange, watchChanges } from '#kernel/netlink/watch-changes.ts'
import { watchPeerNamespaces } from '#kernel/netlink/watch-peer-namespaces.ts'
import type { Log } from '#log/log.ts'
import { createAttachmentKeeper } from './attachment-keeper.ts'
import type { PluginHost } from './cni/plugins/plugin.ts'
import { LOCALNET_TABLE } from './cni/plugins/portmap/localhost.ts'
import { PORT_MAP_TABLE } from './cni/plugins/portmap/plan-nftables-port-map.ts'
import type { KeptPodNetwork } from './pod-network.ts'
import { createWakeUp } from './wake-up.ts'

export interface KeepDeps {
  readonly podNetwork: Pick<KeptPodNetwork, 'ready' | 'keep'>
  /** Its namespace is the one that is listened to, with those at the other ends of its cables. */
  readonly host: PluginHost
  readonly log: Log
}

/** How often is looked though nothing was heard: sysctls and queues send no news. */
const LOOK_MS = 1000
/** One event seldom comes alone, and most are of pods that are just being attached. */
const PAUSE_MS = 100

/**
 * Keeps what attached pods have: on the node the bridge, its addresses, their cables, rules and queues; in the pod the interface,
 * addresses, routes and sysctls. Of attachments only those are compared of which the node has lost something, or in whose pod
 * something happened, for that takes a while. Returns when `signal` aborts.
 */
export async function keepAttachments(
  { podNetwork, host, log }: KeepDeps,
  signal: AbortSignal,
): Promise<void> {
  const wakeUp = createWakeUp(signal)
  const keeper = createAttachmentKeeper(podNetwork, host)
  using stack = new DisposableStack()
  stack.use(
    watchChanges((change) => {
      if (isOurBusiness(change)) wakeUp.wake()
    }, host.netns),
  )
  stack.use(
    watchPeerNamespaces((netnsID) => {
      if (keeper.touch(netnsID)) wakeUp.wake()
    }, host.netns),
  )
  await Promise.race([podNetwork.ready.catch(() => {}), wakeUp.aborted])
  let failure: string | undefined
  while (!signal.aborted) {
    try {
      const pods = await keeper.look()
      if (pods.length > 0) log.info('Put back what pods had', { pods })
      failure = undefined
    } catch (cause) {
      // Said once, not every second.
      if (failure !== String(cause)) log.error('Cannot keep what pods have', { cause })
      failure = String(cause)
    }
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
    await wakeUp.sleep(LOOK_MS)
  }
}

/** `nat` is that of the bridge family, and iptables' own. */
const TABLES = [PORT_MAP_TABLE, LOCALNET_TABLE, 'cni_plugins_masquerade', 'nat']

function isOurBusiness(change: KernelChange): boolean {
  if (change.kind === 'nftables') return TABLES.includes(change.table)
  return change.kind === 'link' || change.kind === 'address' || change.kind === 'anything'
}
