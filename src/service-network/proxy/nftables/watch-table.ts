import type { Family } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNftEvents } from '#kernel/nft/nft-events.ts'
import { protocolFamily } from './encode/encode-set.ts'
import { TABLE_NAME } from './render.ts'

/** Tells when somebody else changes our table. */
export interface TableWatcher extends Disposable {
  /** Whether somebody did since it was asked last. */
  isTampered(): boolean
}

/** Node cannot wait for a netlink socket; a look at one where nothing happened costs a microsecond. */
const LOOK_INTERVAL_MS = 100

/**
 * @param portID that of the socket which changes the table rightly
 * @param onTampering hears of it at once, and also where the kernel could not tell of all changes
 */
export function watchTable(
  family: Family,
  portID: number,
  onTampering: () => void,
  netns?: Netns,
): TableWatcher {
  const events = openNftEvents(netns)
  let tampered = false
  const look = () => {
    const changes = events.take()
    if (changes === 'lost') {
      onTampering()
      return
    }
    const isForeign = changes.some(
      (change) =>
        change.portID !== portID &&
        change.table === TABLE_NAME &&
        change.family === protocolFamily(family),
    )
    if (!isForeign) return
    tampered = true
    onTampering()
  }
  const timer = setInterval(look, LOOK_INTERVAL_MS).unref()
  return {
    isTampered() {
      const was = tampered
      tampered = false
      return was
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      events[Symbol.dispose]()
    },
  }
}
