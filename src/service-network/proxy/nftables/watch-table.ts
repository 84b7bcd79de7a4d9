import type { Family } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNftEvents } from '#kernel/nft/nft-events.ts'
import type { NftSocket, Sending } from '#kernel/nft/nft-socket.ts'
import { protocolFamily } from './encode/encode-set.ts'
import { TABLE_NAME } from './render.ts'

/** Tells when somebody else changes our table. */
export interface TableWatcher extends Disposable {
  /** Whether somebody did since it was asked last. */
  isTampered(): boolean
  /** Runs a transaction so large that it had better not be heard of. Somebody else's right after it is noticed all the same. */
  readonly unheard: Sending
}

/** Node cannot wait for a netlink socket; a look at one where nothing happened costs a microsecond. */
const LOOK_INTERVAL_MS = 100

/**
 * @param own the socket that changes the table rightly
 * @param onTampering hears of it at once, and also where the kernel could not tell of all changes
 */
export function watchTable(
  family: Family,
  own: Pick<NftSocket, 'portID' | 'generation'>,
  onTampering: () => void,
  netns?: Netns,
): TableWatcher {
  const events = openNftEvents(netns)
  let tampered = false
  const raise = () => {
    tampered = true
    onTampering()
  }
  const look = () => {
    const changes = events.take()
    if (changes === 'lost') {
      onTampering()
      return
    }
    const isForeign = changes.some(
      (change) =>
        change.portID !== own.portID &&
        change.table === TABLE_NAME &&
        change.family === protocolFamily(family),
    )
    if (isForeign) raise()
  }
  const timer = setInterval(look, LOOK_INTERVAL_MS).unref()
  return {
    isTampered() {
      const was = tampered
      tampered = false
      return was
    },
    unheard(run) {
      const before = own.generation()
      events.deafTo(run)
      if (own.generation() !== (before + 1) >>> 0) raise()
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      events[Symbol.dispose]()
    },
  }
}
