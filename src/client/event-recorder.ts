import { setTimeout as delay } from 'node:timers/promises'
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

/** Bounds of memory: events waiting while the API is away. As client-go's maxQueuedEvents. */
const MAX_PENDING = 1000
/** While the API is away: as maxTriesPerEvent and defaultSleepDuration of client-go (tools/record/event.go). */
const MAX_TRIES = 12
const RETRY_MS = 10_000
const MAX_MESSAGE = 1024

/** Waits in real time, and keeps no process from ending. */
const rest = (milliseconds: number): Promise<void> => delay(milliseconds, undefined, { ref: false })

/**
 * Repeated events become one object whose count grows, and similar ones too, as client-go makes them. Where the API cannot be reached, all
 * wait until it can, for two minutes; an event that the API refuses is dropped.
 */
export function createEventRecorder(
  api: API,
  source: EventSource,
  now: () => number = Date.now,
  wait: (milliseconds: number) => Promise<void> = rest,
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
      if (await deliver(event)) remember(written, name, true)
    }
    writing = false
  }

  async function deliver(event: Event): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        await write(api, event, written.has(event.metadata.name))
        return true
      } catch (error) {
        if (error instanceof APIStatusError || tries === MAX_TRIES) return false
      }
      // Not all at the same moment when the API comes back.
      await wait(tries === 1 ? RETRY_MS * Math.random() : RETRY_MS)
    }
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
