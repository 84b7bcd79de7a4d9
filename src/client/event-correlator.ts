/** Which events are written, and as what. Source: client-go v0.36 tools/record/events_cache.go. */
import type { Event } from '#api/core.ts'

/** One source may say 25 things about an object at once, then one each 5 minutes. */
const BURST = 25
const REFILL_MS = 300_000
/** From the tenth message on that differs by its text alone, with no ten minutes of silence between, they are one event. */
const MAX_SIMILAR = 10
const SIMILAR_MS = 600_000
const MAX_ENTRIES = 4096
const COMBINED = '(combined from similar events): '

export interface EventCorrelator {
  /** The event to write: a new one, or one that was there by its name, with all occurrences counted. Undefined when its source says too much. */
  correlate(event: Event): Event | undefined
}

interface Observed {
  readonly name: string
  readonly firstTimestamp: string | null | undefined
  count: number
}

export function createEventCorrelator(now: () => number): EventCorrelator {
  const buckets = new Map<string, { tokens: number; at: number }>()
  const similar = new Map<string, { messages: Set<string>; at: number }>()
  const observed = new Map<string, Observed>()

  function aggregate(event: Event): { readonly event: Event; readonly key: string } {
    const at = now()
    const key = keyOf(event, ['reason', 'reporter'])
    const held = similar.get(key)
    const messages = held && at - held.at <= SIMILAR_MS ? held.messages : new Set<string>()
    messages.add(event.message ?? '')
    remember(similar, key, { messages, at })
    if (messages.size < MAX_SIMILAR)
      return { event, key: keyOf(event, ['fieldPath', 'reason', 'message']) }
    messages.delete(messages.values().next().value!) // it need not grow
    return { event: { ...event, message: COMBINED + event.message }, key }
  }

  function observe(event: Event, key: string): Event {
    const held = observed.get(key)
    const next: Observed = held ?? {
      name: event.metadata.name,
      firstTimestamp: event.firstTimestamp,
      count: 0,
    }
    next.count++
    remember(observed, key, next)
    const { name, firstTimestamp, count } = next
    return {
      ...event,
      metadata: { ...event.metadata, name },
      ...(firstTimestamp === undefined ? {} : { firstTimestamp }),
      count,
    }
  }

  function isAllowed(event: Event): boolean {
    const at = now()
    const key = keyOf(event, [])
    const held = buckets.get(key) ?? { tokens: BURST, at }
    const tokens = Math.min(BURST, held.tokens + (at - held.at) / REFILL_MS)
    remember(buckets, key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at })
    return tokens >= 1
  }

  return {
    correlate(event) {
      const aggregated = aggregate(event)
      // Counted also where it is not written: the next one that is tells of all.
      const counted = observe(aggregated.event, aggregated.key)
      return isAllowed(counted) ? counted : undefined
    },
  }
}

/** What tells events apart: always their source, object and type. */
function keyOf(
  { source, involvedObject, type, reason, message, reportingComponent, reportingInstance }: Event,
  parts: readonly ('fieldPath' | 'reason' | 'message' | 'reporter')[],
): string {
  const { kind, namespace, name, uid, apiVersion, fieldPath } = involvedObject
  const more = { fieldPath, reason, message, reporter: [reportingComponent, reportingInstance] }
  return JSON.stringify([
    source?.component,
    source?.host,
    kind,
    namespace,
    name,
    uid,
    apiVersion,
    type,
    parts.map((part) => more[part]),
  ])
}

/** Sets the newest entry; the oldest one makes room. */
export function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MAX_ENTRIES) map.delete(map.keys().next().value!)
}
