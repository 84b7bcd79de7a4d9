import { invalid as invalidField } from '#api/field-error.ts'
import { formatLikeGo } from '#api/go-format.ts'
import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { formatStrictErrors } from '#api/schema/strict-errors.ts'
import { badRequest, invalid, unsupportedMediaType } from '#api/status.ts'
import { parseMediaType } from '../http/media-type.ts'
import { checkObject } from './check-object.ts'
import { asKubernetesObject } from './decode-object.ts'
import { parseJSON } from './parse-body.ts'
import type { FieldValidation } from './write-options.ts'

export type Patch = (current: JSONObject) => Promise<JSONValue>

const JSON_PATCH = 'application/json-patch+json'
const MERGE_PATCH = 'application/merge-patch+json'
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
const ACCEPTED = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, 'application/apply-patch+yaml']

export interface ParsedPatch {
  readonly apply: Patch
  readonly duplicates: readonly string[]
  /** How messages quote the patch; undefined where they quote what came out of it. */
  readonly quoted?: string
}

/** @throws StatusError 400, 415 */
export function parsePatch(
  body: Buffer,
  contentType: string,
  resource: ServedResource,
): ParsedPatch {
  const { type } = parseMediaType(contentType)
  // A strategy of merging stands in Go's types, which custom resources do not have.
  const accepted = ACCEPTED.filter((one) => one !== STRATEGIC_PATCH || !resource.custom)
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted)
  const { value, duplicates } = parseJSON(body)
  switch (type) {
    case JSON_PATCH:
      return { duplicates, apply: async (current) => (await jsonPatch())(current, value) }
    case MERGE_PATCH:
      return { duplicates, apply: async (current) => (await mergePatch())(current, value) }
    default: {
      if (!isJSONObject(value)) throw badRequest('error decoding patch: it is not a JSON object')
      const apply: Patch = async (current) => (await strategicPatch())(current, value, resource)
      return { duplicates, quoted: formatLikeGo(value), apply }
    }
  }
}

const jsonPatch = async () => (await import('#api/patch/json-patch.ts')).applyJSONPatch
const mergePatch = async () => (await import('#api/patch/merge-patch.ts')).applyMergePatch
const strategicPatch = async () =>
  (await import('#api/patch/strategic-merge-patch.ts')).applyStrategicMergePatch

/** What came out of a patch as an object; the messages of endpoints/handlers/patch.go. @throws StatusError 422 */
export function decodePatched(
  resource: ServedResource,
  patched: JSONValue,
  { duplicates, quoted }: ParsedPatch,
  fieldValidation: FieldValidation,
  warn: (text: string) => void,
): KubernetesObject {
  const refuse = (why: string) =>
    invalid({ kind: '', group: '' }, '', [
      invalidField('patch', quoted ?? JSON.stringify(patched), why),
    ])
  if (!isJSONObject(patched)) throw refuse('json: cannot unmarshal into Go value of an object')
  const { object, unknown, typeError } = checkObject(resource, patched)
  if (typeError) throw refuse(typeError)
  const errors = [
    ...duplicates.map((path) => `duplicate field "${path}"`),
    ...unknown.map((path) => `unknown field "${path}"`),
  ]
  if (errors.length > 0 && fieldValidation === 'Strict') throw refuse(formatStrictErrors(errors))
  if (fieldValidation === 'Warn') for (const error of errors) warn(error)
  return asKubernetesObject(resource, object)
}
