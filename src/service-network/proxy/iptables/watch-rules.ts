import type { Family } from '#ip/ip.ts'
import type { NftChange, NftEvents } from '#kernel/nft/nft-events.ts'

/** Tells when somebody else may have changed our rules. */
export interface RuleWatcher extends Disposable {
  /** Does what changes them rightly. */
  during<T>(work: () => Promise<T>): Promise<T>
}

/** Node cannot wait for a netlink socket; a look at one where nothing happened costs a microsecond. */
const LOOK_INTERVAL_MS = 100
const CHECK_INTERVAL_MS = 1000
const TABLES = ['nat', 'filter', 'mangle']
/** As the kernel numbers them: NFPROTO_IPV4, NFPROTO_IPV6. */
const PROTOCOL_FAMILIES = { 4: 2, 6: 10 } as const

/** For iptables-nft, whose tables are nf_tables': the kernel tells of each change. Others have rules there too, so it is a suspicion only. */
export function watchEvents(
  events: Disposable & Pick<NftEvents, 'take'>,
  family: Family,
  onTampering: () => void,
): RuleWatcher {
  let isBusy = false
  const look = () => {
    if (isBusy) return
    const changes = events.take()
    const isOurs = (change: NftChange) =>
      change.family === PROTOCOL_FAMILIES[family] && TABLES.includes(change.table)
    if (changes === 'lost' || changes.some(isOurs)) onTampering()
  }
  const timer = setInterval(look, LOOK_INTERVAL_MS).unref()
  return {
    async during(work) {
      isBusy = true
      try {
        return await work()
      } finally {
        events.take()
        isBusy = false
      }
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      events[Symbol.dispose]()
    },
  }
}

/** For others: asks once a second whether they are there. */
export function watchCanaries(
  areThere: () => Promise<boolean>,
  onTampering: () => void,
  intervalMs = CHECK_INTERVAL_MS,
): RuleWatcher {
  let isBusy = false
  // Before the first sync there is nothing to look for.
  let isReady = false
  const check = async () => {
    if (isBusy || !isReady) return
    isBusy = true
    const found = await areThere()
    isBusy = false
    if (!found) onTampering()
  }
  const timer = setInterval(() => void check(), intervalMs).unref()
  return {
    async during(work) {
      const done = await work()
      isReady = true
      return done
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
