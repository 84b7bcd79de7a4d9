import type { Family } from '#ip/ip.ts'

/** Hears what a proxy does beside its rules: for metrics. */
export interface ProxyObserver {
  /** Stale UDP flows were looked for. @param deleted how many there were */
  flowsSwept?(family: Family, milliseconds: number, deleted: number): void
  /** @param open how many nodePorts have a listener on loopback now */
  localhostListeners?(family: Family, open: number): void
  /** A nodePort could not be opened on loopback: something else has its port. */
  localhostListenerFailed?(family: Family): void
}
