import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { type Answer, json } from '../http/answer.ts'
import type { Representation } from '../http/media-type.ts'
import type { StoredItem } from '../storage/store.ts'
import { type IncludeObject, includeObjectOf, partialOf, tableText } from '../table/table.ts'
import { objectOf, textOf } from './record.ts'
import type { RESTRequest } from './request.ts'

type Item = Pick<StoredItem, 'value' | 'modRevision'>

/** Answers with a stored object, in the form that the client asked for. */
export function presentItem(request: RESTRequest, item: Item, code = 200): Answer {
  const representation = request.representation()
  if (representation === 'object') return json(textOf(item, request.spec.resource), code)
  return presentObject(request, objectOf(item, request.spec.resource), code)
}

/** As presentItem, for an object that is not (or no longer) stored. */
export function presentObject(request: RESTRequest, object: KubernetesObject, code = 200): Answer {
  const text = objectText(object, request.representation(), request.spec, includeObjectOf(request))
  return json(text, code)
}

function objectText(
  object: KubernetesObject,
  representation: Representation,
  spec: KindSpec,
  include: IncludeObject,
): string {
  switch (representation) {
    case 'object':
      return JSON.stringify(object)
    case 'PartialObjectMetadata':
      return partialText(object)
    case 'Table':
      return tableText(spec.resource, [object], {
        include,
        resourceVersion: object.metadata.resourceVersion ?? '',
      })
  }
}

export const partialText = ({ metadata }: KubernetesObject): string =>
  partialOf(JSON.stringify(metadata))
