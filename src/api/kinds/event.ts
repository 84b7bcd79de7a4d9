import type { Event } from '../core.ts'
import { type FieldError, invalid, required } from '../field-error.ts'
import { events } from '../resources.ts'
import { checkName, isDNS1123Subdomain, isQualifiedName } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

// Source: core/validation/events.go v1.36, the rules of core/v1.
export const event = defineKind<Event>({
  resource: events,
  shortNames: ['ev'],
  nameRule: isDNS1123Subdomain,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason = '' }) => reason,
    reportingComponent: ({ reportingComponent = '' }) => reportingComponent,
    source: ({ source, reportingComponent = '' }) => source?.component ?? reportingComponent,
    type: ({ type }) => type ?? '',
  },
  validate: (object) => checkEvent(object, 'reportingComponent'),
})

/** What all events must keep to; `reporter` is the field that says who reports. */
export const checkEvent = (
  object: Event,
  reporter: 'reportingComponent' | 'reportingController',
): FieldError[] => (object.eventTime ? checkNew(object, reporter) : checkNamespace(object))

const wrongNamespace = (namespace: string) =>
  invalid('involvedObject.namespace', namespace, 'does not match event.namespace')

function checkNamespace({ metadata, involvedObject }: Event): FieldError[] {
  const { namespace = '' } = involvedObject ?? {}
  const own = metadata.namespace ?? ''
  const agrees = namespace === '' ? own === '' || own === 'default' : namespace === own
  return agrees ? [] : [wrongNamespace(namespace)]
}

/** Events of the newer API have a time of their own, and say who reports and what it did. */
function checkNew(object: Event, reporter: string): FieldError[] {
  const { reportingComponent = '', metadata, involvedObject } = object
  const namespace = involvedObject?.namespace ?? ''
  const homeless = namespace === '' && !/^(default|kube-system)$/.test(metadata.namespace ?? '')
  const limits = [
    ['reportingInstance', 128],
    ['action', 128],
    ['reason', 128],
    ['message', 1024],
  ] as const
  return [
    ...(homeless ? [wrongNamespace(namespace)] : []),
    ...(reportingComponent === '' ? [required(reporter)] : []),
    ...checkName(isQualifiedName, reportingComponent, reporter),
    ...limits.flatMap(([key, max]) => {
      const value = object[key] ?? ''
      if (value === '' && key !== 'message') return [required(key)]
      return Buffer.byteLength(value) > max
        ? [invalid(key, '', `can have at most ${max} characters`)]
        : []
    }),
  ]
}
