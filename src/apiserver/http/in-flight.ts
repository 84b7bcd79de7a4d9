import { tooManyRequests } from '#api/status.ts'
import type { Attributes } from '../auth/authorize.ts'

export interface InFlightLimits {
  readonly reading: number
  readonly writing: number
}

/** As upstream's --max-requests-inflight and --max-mutating-requests-inflight. */
export const DEFAULT_IN_FLIGHT: InFlightLimits = { reading: 400, writing: 200 }

/** Counts requests in work. */
export interface InFlight {
  readonly counts: Readonly<Record<keyof InFlightLimits, number>>
  /** Takes a place, which the result gives back. @throws StatusError 429 */
  enter(attributes: Attributes, isPrivileged: boolean): Disposable
}

const READING = new Set(['get', 'list', 'watch', 'head', 'options'])
/** Requests that last as long as somebody wants (server/config.go LongRunningFunc). */
const LASTING_VERBS = new Set(['watch', 'proxy'])
const LASTING_SUBRESOURCES = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

export const isLongRunning = (attributes: Attributes) =>
  LASTING_VERBS.has(attributes.verb) ||
  ('subresource' in attributes && LASTING_SUBRESOURCES.has(attributes.subresource ?? ''))

/** Source: apiserver server/filters/maxinflight.go. Administrators always get an answer. */
export function createInFlight(limits: InFlightLimits = DEFAULT_IN_FLIGHT): InFlight {
  const counts = { reading: 0, writing: 0 }
  return {
    counts,
    enter(attributes, isPrivileged) {
      if (isLongRunning(attributes)) return { [Symbol.dispose]() {} }
      const kind = READING.has(attributes.verb) ? 'reading' : 'writing'
      if (counts[kind] >= limits[kind] && !isPrivileged)
        throw tooManyRequests('Too many requests, please try again later.', 1)
      counts[kind]++
      return {
        [Symbol.dispose]() {
          counts[kind]--
        },
      }
    },
  }
}
