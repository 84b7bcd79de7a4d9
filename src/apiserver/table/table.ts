import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { badRequest } from '#api/status.ts'
import type { Column } from './column.ts'
import { findColumns } from './find-columns.ts'

/** What rows carry besides their cells: kubectl asks for all of the object when it sorts by a path. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** @throws StatusError 400 */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') || 'Metadata'
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`)
}

export interface TableOptions {
  readonly include: IncludeObject
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
  /** Milliseconds since the epoch; ages count from here. */
  readonly now?: number
}

/** A meta.k8s.io/v1 Table as JSON text. */
export function tableText(
  resource: ServedResource,
  objects: readonly KubernetesObject[],
  { include, now = Date.now(), ...metadata }: TableOptions,
): string {
  const columns = findColumns(resource)
  return JSON.stringify({
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(describeColumn),
    rows: objects.map((object) => ({
      cells: columns.map(({ cell }) => cell(object, now)),
      ...(include === 'None' ? {} : { object: include === 'Object' ? object : partial(object) }),
    })),
  })
}

const partial = ({ metadata }: KubernetesObject) => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
})

const describeColumn = ({ name, type, format, description = '', wide, priority }: Column) => ({
  name,
  type,
  format: format ?? '',
  description,
  priority: priority ?? (wide ? 1 : 0),
})
