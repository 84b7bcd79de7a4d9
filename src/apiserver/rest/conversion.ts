import type { Event } from '#api/core.ts'
import { type EventsEvent, toCoreEvent, toEventsEvent } from '#api/events.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { events, eventsEvents, type Resource } from '#api/resources.ts'

/** How objects of a resource lie in the store as objects of another. */
export interface Conversion {
  readonly stored: Resource
  toStored(object: KubernetesObject): KubernetesObject
  fromStored(object: KubernetesObject): KubernetesObject
}

const eventConversion: Conversion = {
  stored: events,
  toStored: (object) => toCoreEvent(object as EventsEvent),
  fromStored: (object) => toEventsEvent(object as Event),
}

/** Undefined for most: they are stored as they are served. */
export const conversionOf = ({ group }: Resource): Conversion | undefined =>
  group === eventsEvents.group ? eventConversion : undefined
