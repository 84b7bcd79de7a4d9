import { badRequest } from '#api/status.ts'
import { parseFieldSelector } from './field-selector.ts'
import { type Matches, parseLabelSelector } from './label-selector.ts'
import type { RESTRequest } from './request.ts'
import type { Selectable } from './selectable.ts'

/** What labelSelector, fieldSelector and a name in the path let through; undefined for everything. */
export function parseMatcher({
  query,
  spec,
  name,
}: Pick<RESTRequest, 'query' | 'spec' | 'name'>): Matches<Selectable> | undefined {
  const byLabels = parseLabelSelector(query.get('labelSelector') ?? '')
  const byFields = parseFieldSelector(query.get('fieldSelector') ?? '', spec)
  // endpoints/handlers/get.go, listOpts
  if (name !== '' && byFields && byFields.exactly('metadata.name') !== name) {
    throw badRequest("fieldSelector metadata.name doesn't match requested name")
  }
  if (!byLabels && !byFields && name === '') return undefined
  return (object) =>
    (name === '' || object.fields['metadata.name'] === name) &&
    (byLabels?.(object.labels) ?? true) &&
    (byFields?.matches(object) ?? true)
}
