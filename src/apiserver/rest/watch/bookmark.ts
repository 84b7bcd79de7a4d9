import { apiVersionOf, type Resource } from '#api/resources.ts'
import { findColumns } from '../../table/find-columns.ts'
import { partialOf, tablePieces } from '../../table/table.ts'
import { joined } from '../record.ts'
import type { Form } from './event-view.ts'

/** Of the bookmark behind the state (metav1.InitialEventsAnnotationKey, KEP-3157). */
export const END_OF_STATE = { 'k8s.io/initial-events-end': 'true' }

/**
 * How far a watch has come, as an event: an empty object of the kind that the watch shows, in the watch's own form
 * (apiserver endpoints/handlers/response.go transforms bookmarks as all events).
 */
export function bookmarkLine(
  resource: Resource,
  revision: number,
  form: Form,
  annotations?: Readonly<Record<string, string>>,
): string {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(annotations ? { annotations } : {}),
  }
  return `{"type":"BOOKMARK","object":${objectText(resource, metadata, form)}}\n`
}

function objectText(
  resource: Resource,
  metadata: { readonly resourceVersion: string },
  { representation, include, hasColumns }: Form,
): string {
  const partial = partialOf(JSON.stringify(metadata))
  const whole = () =>
    JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), metadata })
  switch (representation) {
    case 'object':
      return whole()
    case 'PartialObjectMetadata':
      return partial
    case 'Table': {
      const columns = findColumns(resource)
      const cells = [columns.map(() => 'null').join()]
      const row = { cells, object: [include === 'Object' ? whole() : partial] }
      const { resourceVersion } = metadata
      return joined(tablePieces(columns, [row], { include, hasColumns, resourceVersion }))
    }
  }
}
