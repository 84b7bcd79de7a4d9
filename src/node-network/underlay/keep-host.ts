import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { type KernelChange, watchChanges } from '#kernel/netlink/watch-changes.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import { completeHost, completeSysctls } from './apply-underlay.ts'
import type { NamespacePlan } from './plan-underlay.ts'

export interface KeepHostDeps {
  readonly rtnetlink: Rtnetlink
  /** The host's; the caller's own by default. */
  readonly netns?: Netns
  readonly log: Log
}

/** How often is looked at sysctls, which send no news. */
const LOOK_MS = 1000
/** One event seldom comes alone. */
const PAUSE_MS = 50

/**
 * Gives a host back what somebody takes of its own addresses, routes and sysctls, until `signal` aborts. Its cable stays as it is: a
 * node whose `eth0` is down was taken off the network, and `fairlead up` mends one that is gone.
 */
export async function keepHost(
  plan: NamespacePlan,
  { rtnetlink, netns, log }: KeepHostDeps,
  signal: AbortSignal,
): Promise<void> {
  let failure: string | undefined
  const keep = (complete: () => readonly string[]) => {
    try {
      const made = complete()
      if (made.length > 0) log.info('Put back what the node had', { made })
      failure = undefined
    } catch (cause) {
      // Said once, not every second.
      if (failure !== String(cause)) log.error('Cannot keep what the node has', { cause })
      failure = String(cause)
    }
  }
  let timer: NodeJS.Timeout | undefined
  const keepAll = () => {
    timer = undefined
    keep(() => completeHost({ plan, netns, rtnetlink }))
  }
  using _ = watchChanges((change) => {
    if (concernsHost(change, plan, rtnetlink)) timer ??= setTimeout(keepAll, PAUSE_MS)
  }, netns)
  keepAll()
  const interval = setInterval(() => keep(() => completeSysctls(plan, netns)), LOOK_MS)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  clearInterval(interval)
  clearTimeout(timer)
}

/** RT_TABLE_MAIN */
const MAIN_TABLE = 254

function concernsHost(
  change: KernelChange,
  { cables }: NamespacePlan,
  rtnetlink: Rtnetlink,
): boolean {
  const isOwn = (index: number) =>
    cables.some(({ device }) => rtnetlink.link(device)?.index === index)
  switch (change.kind) {
    case 'anything':
      return true
    case 'link':
      return cables.some(({ device }) => change.name === undefined || change.name === device)
    case 'address':
      return isOwn(change.index)
    case 'route':
      if ((change.table ?? MAIN_TABLE) !== MAIN_TABLE) return false
      return change.index === undefined || isOwn(change.index) || change.destination === undefined
    case 'neighbour':
    case 'nftables':
      return false
  }
}
