import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'

/** A request of HTTP/1.1 that asks to leave HTTP: for SPDY/3.1, WebSocket or what a proxied program speaks. */
export interface Upgrade {
  readonly method: string
  /** As it was sent. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The client's bytes behind the request's headers. */
  readonly head: Buffer
}

/** Connects two ends until one of them closes; what was under way to the other still arrives. */
export function splice(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => from.destroy())
    from.once('end', () => to.once('finish', () => to.destroy()))
    from.once('close', () => (from.readableEnded ? undefined : to.destroy()))
    from.pipe(to)
  }
}
