import { createHash } from 'node:crypto'
import type { Event } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { events } from '#api/resources.ts'
import type { StoredObjects } from '../stored-objects.ts'

/** What an event is about. */
export interface Occurrence {
  readonly object: KubernetesObject
  readonly reason: string
  readonly action: string
  readonly message: string
}

/** Stores a warning, or counts it once more; as client-go's events/v1 recorder, whose events have a series instead of times. */
export async function recordWarning(
  stored: StoredObjects,
  component: string,
  { object, reason, action, message }: Occurrence,
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = object.metadata
  const same = createHash('sha256').update(`${uid} ${reason} ${message}`).digest('hex')
  const key = { namespace: namespace ?? 'default', name: `${name}.${same.slice(0, 16)}` }
  const now = `${new Date().toISOString().slice(0, -1)}000Z`
  const held = await stored.get(events, key)
  if (held) {
    const series = { count: (held.series?.count ?? 1) + 1, lastObservedTime: now }
    await stored.update(events, { ...held, series } as Event)
    return
  }
  const event: Event = {
    metadata: key,
    involvedObject: {
      ...(object.kind === undefined ? {} : { kind: object.kind }),
      ...(object.apiVersion === undefined ? {} : { apiVersion: object.apiVersion }),
      ...(namespace === undefined ? {} : { namespace }),
      name,
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    reason,
    message,
    type: 'Warning',
    action,
    eventTime: now,
    firstTimestamp: null,
    lastTimestamp: null,
    source: {},
    reportingComponent: component,
    reportingInstance: component,
  }
  await stored.create(events, event)
}
