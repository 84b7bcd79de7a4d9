import type { Event } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from './api.ts'

/** Tells people what happened to an object. Never throws and never waits. */
export interface EventRecorder {
  /** @param fieldPath the part of the object that it is about, as `spec.containers{web}` */
  event(
    object: KubernetesObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath?: string,
  ): void
}

export interface EventSource {
  readonly component: string
  readonly host?: string
}

interface Series {
  event: Event
  count: number
  /** How many of `count` the API knows. */
  written: number
}

// client-go's correlator: an object may say 25 things at once, then one each 5 minutes.
const BURST = 25
const REFILL_MS = 300_000
/** Bounds of memory: series remembered, and events waiting while the API is away. */
const MAX_SERIES = 2048
const MAX_PENDING = 256
const MAX_MESSAGE = 1024

/** Repeated events become one object whose count grows, as client-go makes them. */
export function createEventRecorder(
  api: API,
  source: EventSource,
  now: () => number = Date.now,
): EventRecorder {
  const series = new Map<string, Series>()
  const buckets = new Map<string, { tokens: number; at: number }>()
  const pending = new Set<Series>()
  let writing = false

  function allow(uid: string): boolean {
    const held = buckets.get(uid) ?? { tokens: BURST, at: now() }
    const tokens = Math.min(BURST, held.tokens + (now() - held.at) / REFILL_MS)
    remember(buckets, uid, { tokens: Math.max(0, tokens - 1), at: now() })
    return tokens >= 1
  }

  async function drain(): Promise<void> {
    writing = true
    for (const next of pending) {
      pending.delete(next)
      await write(api, next).catch(() => undefined) // an event is worth one try, not a retry loop
    }
    writing = false
  }

  return {
    event(object, type, reason, message, fieldPath) {
      if (!allow(object.metadata.uid ?? object.metadata.name)) return
      const about = referTo(object, fieldPath)
      const made = makeEvent(about, type, reason, message.slice(0, MAX_MESSAGE), source, now())
      const key = JSON.stringify([made.involvedObject, type, reason, made.message])
      const held = series.get(key)
      const next: Series = held ?? { event: made, count: 0, written: 0 }
      next.count++
      next.event = { ...next.event, lastTimestamp: made.lastTimestamp ?? null }
      remember(series, key, next)
      if (pending.size < MAX_PENDING) pending.add(next)
      if (!writing) void drain()
    },
  }
}

async function write(api: API, series: Series): Promise<void> {
  const { event, count } = series
  if (series.written > 0) {
    try {
      await api.patch(resources.events, event.metadata, 'merge', {
        count,
        lastTimestamp: event.lastTimestamp,
      })
      series.written = count
      return
    } catch (error) {
      if (!(error instanceof APIStatusError) || error.code !== 404) throw error // expired: say it anew
    }
  }
  await api.create(resources.events, { ...event, count })
  series.written = count
}

function referTo(
  { apiVersion, kind, metadata: { namespace, name, uid } }: KubernetesObject,
  fieldPath: string | undefined,
): Event['involvedObject'] & { readonly name: string } {
  return {
    ...(apiVersion !== undefined && { apiVersion }),
    ...(kind !== undefined && { kind }),
    ...(namespace !== undefined && { namespace }),
    name,
    ...(uid !== undefined && { uid }),
    ...(fieldPath !== undefined && { fieldPath }),
  }
}

function makeEvent(
  involvedObject: ReturnType<typeof referTo>,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  source: EventSource,
  now: number,
): Event {
  const { namespace, name } = involvedObject
  // One second is what the API keeps of these times.
  const timestamp = `${new Date(now).toISOString().slice(0, 19)}Z`
  const unique = process.hrtime.bigint().toString(16)
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${unique}`, namespace: namespace ?? 'default' },
    involvedObject,
    type,
    reason,
    message,
    count: 1,
    firstTimestamp: timestamp,
    lastTimestamp: timestamp,
    eventTime: null,
    source,
    reportingComponent: source.component,
    reportingInstance: source.host ?? '',
  }
}

/** Sets the newest entry; the oldest one makes room. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MAX_SERIES) map.delete(map.keys().next().value!)
}
