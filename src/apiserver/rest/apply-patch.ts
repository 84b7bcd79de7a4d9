import { invalid as invalidField, quoteLikeGo } from '#api/field-error.ts'
import { formatLikeGo } from '#api/go-format.ts'
import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { explainSyntaxError } from '#api/schema/json-syntax.ts'
import { parseJSONStrict, type StrictJSON } from '#api/schema/parse-json-strict.ts'
import { explainRounded } from '#api/schema/rounded-integers.ts'
import { describeJSON } from '#api/schema/scalars.ts'
import { formatStrictErrors } from '#api/schema/strict-errors.ts'
import {
  badRequest,
  invalid,
  unprocessable,
  unsupportedMediaType,
  unsupportedPatchType,
} from '#api/status.ts'
import { parseMediaType } from '../http/media-type.ts'
import { checkObject } from './check-object.ts'
import { asKubernetesObject, explainKind } from './decode-object.ts'
import type { Pace } from './pace.ts'
import type { FieldValidation } from './write-options.ts'

export type Patch = (current: JSONObject, pace: Pace) => Promise<JSONValue>

const JSON_PATCH = 'application/json-patch+json'
const MERGE_PATCH = 'application/merge-patch+json'
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
const ACCEPTED = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, 'application/apply-patch+yaml']

export interface ParsedPatch {
  readonly apply: Patch
  /** What strict field validation says of the patch itself. */
  readonly strictErrors: readonly string[]
  /** How messages quote the patch; undefined where they quote what came out of it. */
  readonly quoted?: () => string
}

/** @throws StatusError 400, 415 */
export function parsePatch(
  body: Buffer,
  contentType: string,
  resource: ServedResource,
): ParsedPatch {
  const { type } = parseMediaType(contentType)
  if (!ACCEPTED.includes(type)) throw unsupportedPatchType()
  // A strategy of merging stands in Go's types, which custom resources do not have.
  const accepted = ACCEPTED.filter((one) => one !== STRATEGIC_PATCH || !resource.custom)
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted)
  const { value, duplicates, numbers } = parse(body)
  const rounded = explainRounded(numbers)
  if (rounded !== undefined) throw undecodable(rounded)
  if (type === JSON_PATCH) {
    checkOperations(value)
    const strictErrors = [
      ...duplicates.map((path) => `json patch duplicate field ${quoteLikeGo(path)}`),
      ...unknownMembers(value).map((path) => `json patch unknown field ${quoteLikeGo(path)}`),
    ]
    return {
      strictErrors,
      apply: async (current, pace) => (await jsonPatch())(current, value ?? [], pace),
    }
  }
  if (value !== null && !isJSONObject(value)) {
    throw undecodable(
      `json: cannot unmarshal ${describeJSON(value)} into Go value of type map[string]interface {}`,
    )
  }
  const strictErrors = duplicates.map((path) => `duplicate field ${quoteLikeGo(path)}`)
  if (type === MERGE_PATCH) {
    if (value === null) throw badRequest('Invalid JSON Patch')
    return { strictErrors, apply: async (current) => (await mergePatch())(current, value) }
  }
  const patch = value ?? {}
  const apply: Patch = async (current) => (await strategicPatch())(current, patch, resource)
  return { strictErrors, quoted: () => formatLikeGo(patch), apply }
}

const undecodable = (why: string) => badRequest(`error decoding patch: ${why}`)

function parse(body: Buffer): StrictJSON {
  const text = body.toString('utf8')
  try {
    return parseJSONStrict(text)
  } catch (cause) {
    throw undecodable(explainSyntaxError(cause, body))
  }
}

function checkOperations(value: JSONValue): void {
  const refuse = (wrong: JSONValue, type: string) =>
    undecodable(`json: cannot unmarshal ${describeJSON(wrong)} into Go value of type ${type}`)
  if (value === null) return
  if (!Array.isArray(value)) {
    throw refuse(value, '[]handlers.jsonPatchOp')
  }
  const wrong = value.find((each) => each !== null && !isJSONObject(each))
  if (wrong !== undefined) throw refuse(wrong, 'handlers.jsonPatchOp')
}

const MEMBERS: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value'])

const unknownMembers = (operations: JSONValue): string[] =>
  (Array.isArray(operations) ? operations : []).flatMap((operation, index) =>
    Object.keys(operation ?? {})
      .filter((member) => !MEMBERS.has(member))
      .map((member) => `[${index}].${member}`),
  )

const jsonPatch = async () => (await import('#api/patch/json-patch.ts')).applyInTurns
const mergePatch = async () => (await import('#api/patch/merge-patch.ts')).applyMergePatch
const strategicPatch = async () =>
  (await import('#api/patch/strategic-merge-patch.ts')).applyStrategicMergePatch

/** What came out of a patch as an object; the messages of endpoints/handlers/patch.go. @throws StatusError 422 */
export function decodePatched(
  resource: ServedResource,
  patched: JSONValue,
  { strictErrors, quoted }: Pick<ParsedPatch, 'strictErrors' | 'quoted'>,
  fieldValidation: FieldValidation,
  warn: (text: string) => void,
): KubernetesObject {
  const refuse = (why: string) =>
    invalid({ kind: '', group: '' }, '', [
      invalidField('patch', quoted?.() ?? JSON.stringify(patched), why),
    ])
  if (!isJSONObject(patched)) {
    throw unprocessable('the server rejected our request due to an error in our request')
  }
  const wrongKind = quoted === undefined ? explainKind(resource, patched) : undefined
  if (wrongKind !== undefined) throw refuse(wrongKind)
  const { object, unknown, typeError } = checkObject(resource, patched)
  if (typeError) throw refuse(quoted === undefined ? typeError : explainConversion(typeError))
  const errors = [...strictErrors, ...unknown.map((path) => `unknown field ${quoteLikeGo(path)}`)]
  if (errors.length > 0 && fieldValidation === 'Strict') throw refuse(formatStrictErrors(errors))
  if (fieldValidation === 'Warn') for (const error of errors) warn(error)
  return asKubernetesObject(resource, object)
}

const GO_KINDS: Readonly<Record<string, string>> = {
  object: 'map',
  array: 'slice',
  number: 'int64',
}

/** What a strategic merge patch makes is not decoded but converted: apimachinery runtime/converter.go. */
function explainConversion(typeError: string): string {
  const match = /^json: cannot unmarshal (\w+)(?: \S+)? into .* of type (.*)$/.exec(typeError)
  if (!match) return typeError
  const [, found, type] = match
  const kind = GO_KINDS[found!] ?? found
  if (type!.startsWith('[]')) return `cannot restore slice from ${kind}`
  if (type!.startsWith('map[')) return `cannot restore map from ${kind}`
  return type!.includes('.')
    ? `cannot restore struct from: ${kind}`
    : `cannot convert ${kind} to ${type}`
}
