import type { Event } from '../core.ts'
import { type EventsEvent, toCoreEvent, toEventsEvent } from '../events.ts'
import { type FieldError, invalid, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { events, eventsEvents } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { checkEvent } from './event.ts'

// Source: core/validation/events.go v1.36, the rules of events.k8s.io/v1; errors name the fields of core/v1.
export const eventsEvent = defineKind<EventsEvent>({
  resource: {
    ...eventsEvents,
    conversion: {
      stored: events,
      toStored: (object) => toCoreEvent(object as EventsEvent),
      fromStored: (object) => toEventsEvent(object as Event),
    },
  },
  shortNames: ['ev'],
  nameRule: isDNS1123Subdomain,
  // pkg/apis/events/v1/conversion.go, AddFieldLabelConversionsForEvent
  selectableFields: {
    'regarding.kind': ({ regarding }) => regarding?.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding?.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding?.name ?? '',
    'regarding.uid': ({ regarding }) => regarding?.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding?.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding?.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding?.fieldPath ?? '',
    reason: ({ reason = '' }) => reason,
    reportingController: ({ reportingController = '' }) => reportingController,
    type: ({ type }) => type ?? '',
  },
  validate: (object, old) => [
    ...checkEvent(toCoreEvent(object), 'reportingController'),
    ...(old && equalJSON(old.series, object.series) ? [] : checkSeries(object)),
    ...(old ? [] : checkCreated(object)),
  ],
  validateChange: (object, old) => {
    const [now, before] = [toCoreEvent(object), toCoreEvent(old)]
    return IMMUTABLE.filter((key) => !equalJSON(now[key] ?? null, before[key] ?? null)).map((key) =>
      invalid(
        key === 'reportingComponent' ? 'reportingController' : key,
        now[key],
        'field is immutable',
      ),
    )
  },
})

/** Only the series of an event goes on. */
const IMMUTABLE = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const

function checkSeries({ series }: EventsEvent): FieldError[] {
  if (!series) return []
  return [
    ...((series.count ?? 0) < 2 ? [invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required('series.lastObservedTime')]),
  ]
}

/** What the older API used must stay away. */
function checkCreated(object: EventsEvent): FieldError[] {
  const { type = '', eventTime, deprecatedSource: source } = object
  const used = [
    ['firstTimestamp', object.deprecatedFirstTimestamp],
    ['lastTimestamp', object.deprecatedLastTimestamp],
    ['count', object.deprecatedCount],
    ['source', source?.component || source?.host],
  ] as const
  return [
    ...(eventTime ? [] : [required('eventTime')]),
    ...(/^(Normal|Warning)$/.test(type) ? [] : [invalid('type', '', `has invalid value: ${type}`)]),
    ...used.flatMap(([field, value]) => (value ? [invalid(field, '', 'needs to be unset')] : [])),
  ]
}
