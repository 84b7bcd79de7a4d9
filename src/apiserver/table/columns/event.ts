import type { Event } from '#api/core.ts'
import { type Column, integer, text } from '../column.ts'
import { formatAge } from '../duration.ts'

type SeriesEvent = Event & {
  readonly series?: { readonly count?: number; readonly lastObservedTime?: string }
}

const firstSeen = (event: SeriesEvent) => event.firstTimestamp ?? event.eventTime
const lastSeen = (event: SeriesEvent) =>
  event.series?.lastObservedTime ?? event.lastTimestamp ?? firstSeen(event)

const sourceOf = ({ source, reportingComponent, reportingInstance }: SeriesEvent) => {
  const component = source?.component || reportingComponent || ''
  const host = source?.host || reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}

export const eventColumns: readonly Column<SeriesEvent>[] = [
  text('Last Seen', (event, now) => formatAge(lastSeen(event), now)),
  text('Type', ({ type }) => type ?? ''),
  text('Reason', ({ reason }) => reason ?? ''),
  text('Object', ({ involvedObject: { kind, name } }) =>
    name ? `${(kind ?? '').toLowerCase()}/${name}` : (kind ?? '').toLowerCase(),
  ),
  text('Subobject', ({ involvedObject }) => involvedObject.fieldPath ?? '', true),
  text('Source', sourceOf, true),
  text('Message', ({ message }) => (message ?? '').trim()),
  text('First Seen', (event, now) => formatAge(firstSeen(event), now), true),
  { ...integer('Count', ({ series, count }) => series?.count ?? count ?? 1), wide: true },
  { ...text('Name', ({ metadata }) => metadata.name, true), format: 'name' },
]
