import type { Log } from '#log/log.ts'
import type { Store } from './store.ts'

/** As upstream's API server compacts etcd: every five minutes, what is older than five minutes. */
const INTERVAL_MS = 300_000
/** These many are kept however old they are: they let a client that slept resume its watch. */
const KEPT_REVISIONS = 10_000

/** Compacts the store now and then until the result is disposed; of several servers, one does it each time. */
export function startCompaction(store: Store, log: Log): Disposable {
  let revisionBefore = 0
  let turn = 0
  const timer = setInterval(async () => {
    try {
      const current = await store.currentRevision()
      const target = planCompaction(revisionBefore, current)
      revisionBefore = current
      const claim = await store.claimCompaction(turn, target)
      turn = claim.turn
      if (claim.claimed) await store.compact(target)
    } catch (cause) {
      log.error('Cannot compact the store: the next turn tries again', { cause })
    }
  }, INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** The revision to compact to, given that of one interval ago. */
export function planCompaction(revisionBefore: number, current: number): number {
  return Math.max(0, Math.min(revisionBefore, current - KEPT_REVISIONS))
}
