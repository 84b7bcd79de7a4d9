import type { Event } from '#api/core.ts'
import { type EventsEvent, toCoreEvent } from '#api/events.ts'
import { type Column, integer, text } from '../column.ts'
import { ageSince } from '../duration.ts'

const firstSeen = (event: Event) => event.firstTimestamp ?? event.eventTime
const lastSeen = (event: Event) =>
  event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event)

const sourceOf = ({ source, reportingComponent, reportingInstance }: Event) => {
  const component = source?.component || reportingComponent || ''
  const host = source?.host || reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}

export const eventColumns: readonly Column<Event>[] = [
  text('Last Seen', (event) => ageSince(lastSeen(event))),
  text('Type', ({ type }) => type ?? ''),
  text('Reason', ({ reason }) => reason ?? ''),
  text('Object', ({ involvedObject: { kind, name } }) =>
    name ? `${(kind ?? '').toLowerCase()}/${name}` : (kind ?? '').toLowerCase(),
  ),
  text('Subobject', ({ involvedObject }) => involvedObject.fieldPath ?? '', true),
  text('Source', sourceOf, true),
  text('Message', ({ message }) => (message ?? '').trim()),
  text('First Seen', (event) => ageSince(firstSeen(event)), true),
  { ...integer('Count', ({ series, count }) => series?.count ?? count ?? 1), wide: true },
  { ...text('Name', ({ metadata }) => metadata.name, true), format: 'name' },
]

/** Upstream prints both groups from one internal form. */
export const eventsEventColumns: readonly Column<EventsEvent>[] = eventColumns.map((column) => ({
  ...column,
  cell: (event) => column.cell(toCoreEvent(event)),
}))
