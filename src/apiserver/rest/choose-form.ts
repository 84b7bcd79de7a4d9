import type { Resource } from '#api/resources.ts'
import { shapeNotAcceptable } from '#api/status.ts'
import { negotiateObject, type Representation, type Shape } from '../http/media-type.ts'

/** How a client wants objects of a resource shown. @throws StatusError 406 */
export function chooseForm(
  accept: string | undefined,
  shape: Shape,
  { group, kind }: Pick<Resource, 'group' | 'kind'>,
): Representation {
  const { representation, as } = negotiateObject(accept, shape)
  const isList = as === 'PartialObjectMetadataList'
  if (representation !== 'PartialObjectMetadata' || shape === 'watch') return representation
  if (isList === (shape === 'list')) return representation
  // endpoints/handlers/response.go; upstream names its own type.
  const type = `*${group === '' ? 'core' : group.split('.')[0]}.${kind}`
  throw shapeNotAcceptable(
    isList
      ? `you requested PartialObjectMetadataList, but the requested object is not a list (${type})`
      : `you requested PartialObjectMetadata, but the requested object is a list (${type}List)`,
  )
}
