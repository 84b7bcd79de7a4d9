import type { Event } from './core.ts'
import type { EventsEvent } from './types/events.ts'

export type { EventsEvent } from './types/events.ts'

// pkg/apis/events/v1/conversion.go and zz_generated.conversion.go: [core/v1, events.k8s.io/v1].
const RENAMED = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
] as const

const toEvents = new Map<string, string>(RENAMED)
const toCore = new Map<string, string>(RENAMED.map(([core, other]) => [other, core]))

export function toCoreEvent(event: EventsEvent): Event {
  const core = { involvedObject: {}, ...rename(event, toCore), apiVersion: 'v1' }
  return core as unknown as Event // by the table
}

export function toEventsEvent(event: Event): EventsEvent {
  const renamed = { eventTime: null, ...rename(event, toEvents), apiVersion: 'events.k8s.io/v1' }
  return renamed as unknown as EventsEvent // by the table
}

const rename = (object: object, names: ReadonlyMap<string, string>) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [names.get(key) ?? key, value]))
