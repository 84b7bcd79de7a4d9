import type { Event } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from './api.ts'
import { createEventCorrelator, remember } from './event-correlator.ts'

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

/** Bounds of memory: events waiting while the API is away. */
const MAX_PENDING = 256
const MAX_MESSAGE = 1024

/** Repeated events become one object whose count grows, and similar ones too, as client-go makes them. */
export function createEventRecorder(
  api: API,
  source: EventSource,
  now: () => number = Date.now,
): EventRecorder {
  const { correlate } = createEventCorrelator(now)
  /** By name: the newest of each. */
  const pending = new Map<string, Event>()
  const written = new Map<string, true>()
  let writing = false

  async function drain(): Promise<void> {
    writing = true
    for (const [name, event] of pending) {
      pending.delete(name)
      try {
        await write(api, event, written.has(name))
        remember(written, name, true)
      } catch {
        // an event is worth one try, not a retry loop
      }
    }
    writing = false
  }

  return {
    event(object, type, reason, message, fieldPath) {
      const about = referTo(object, fieldPath)
      const made = makeEvent(about, type, reason, message.slice(0, MAX_MESSAGE), source, now())
      const event = correlate(made)
      if (!event) return
      const { name } = event.metadata
      if (pending.has(name) || pending.size < MAX_PENDING) pending.set(name, event)
      if (!writing) void drain()
    },
  }
}

async function write(api: API, event: Event, isThere: boolean): Promise<void> {
  if (isThere) {
    const { count, lastTimestamp, message } = event
    try {
      await api.patch(resources.events, event.metadata, 'merge', { count, lastTimestamp, message })
      return
    } catch (error) {
      if (!(error instanceof APIStatusError) || error.code !== 404) throw error // expired: say it anew
    }
  }
  await api.create(resources.events, event)
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
