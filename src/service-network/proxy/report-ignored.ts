import type { Log } from '#log/log.ts'
import { changedServices, type Ignored, type ServiceModel } from '../model.ts'

/** How many of a Service's are told: a hostile slice has a thousand. */
const TOLD = 5

/**
 * Tells, once, what Services and their slices ask for and do not get, and why.
 *
 * @returns to be called with each model in turn
 */
export function createIgnoredReporter(log: Log): (model: ServiceModel) => void {
  let told: ServiceModel = new Map()
  return (model) => {
    const before = told
    told = model
    for (const key of changedServices(before, model)) {
      const ignored = model.get(key)?.ignored ?? []
      const known = new Set((before.get(key)?.ignored ?? []).map(describe))
      const fresh = ignored.map(describe).filter((text) => !known.has(text))
      if (fresh.length === 0) continue
      const more = fresh.length > TOLD ? { more: fresh.length - TOLD } : {}
      log.warn('Ignored what a Service or its slices ask for', {
        service: key,
        ignored: fresh.slice(0, TOLD).join('; '),
        ...more,
      })
    }
  }
}

function describe({ what, value, reason }: Ignored): string {
  return `${what} ${JSON.stringify(value)}: ${reason}`
}
