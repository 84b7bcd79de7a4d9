import type { JSONObject } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import { checkFields, type FieldCheck } from '#api/schema/check-fields.ts'

/**
 * Checks an object by the schema of its kind: the table's, or that of its definition.
 * @param numbers as they were written, from parseBody()
 */
export function checkObject(
  resource: ServedResource,
  object: JSONObject,
  numbers?: ReadonlyMap<string, string>,
): FieldCheck {
  return resource.custom
    ? resource.custom.checkFields(object)
    : checkFields(resource, object, numbers)
}
