import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { memoize } from '../memoize.ts'
import type { StoredItem } from '../storage/store.ts'
import { objectOf } from './record.ts'

/** What selectors can ask of an object. */
export interface Selectable {
  readonly labels: Readonly<Record<string, string>> | undefined
  /** All fields that a selector may name. */
  readonly fields: Readonly<Record<string, string>>
}

export function readSelectable(
  object: KubernetesObject,
  { selectableFields = {} }: Pick<KindSpec, 'selectableFields'>,
): Selectable {
  const { name, namespace = '', labels } = object.metadata
  const own = Object.entries(selectableFields).map(([field, read]) => [field, read(object)])
  const fields = Object.fromEntries(own)
  return { labels, fields: { ...fields, 'metadata.name': name, 'metadata.namespace': namespace } }
}

/** Read once from a stored object: agents and controllers list by selectors again and again. */
export const selectableOf: (
  item: Pick<StoredItem, 'value' | 'modRevision'>,
  spec: KindSpec,
) => Selectable = memoize((item, spec) => readSelectable(objectOf(item, spec.resource), spec))
