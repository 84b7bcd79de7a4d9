import { getKey, isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import type { Resource } from '../resources.ts'
import { checkScalar, describeJSON } from './scalars.ts'
import {
  type Field,
  isSchemaOr,
  isStruct,
  JSON_SCHEMA,
  type SchemaType,
  schemaType,
  schemaTypeOf,
} from './schema.ts'

export interface FieldCheck {
  /** The object as Go would print it again: without unknown fields, nulls and empty optional values. A new value. */
  readonly object: JSONObject
  /** Paths that the kind does not have: `spec.foo`, `spec.ports[0].foo`. At most 100. */
  readonly unknown: readonly string[]
  /** The first value of a wrong type, in the words of Go's decoder; the object must be refused with it. */
  readonly typeError?: string
}

// sigs.k8s.io/json stops counting there.
const maxUnknown = 100
const noNumbers: ReadonlyMap<string, string> = new Map()

interface Check {
  readonly unknown: string[]
  readonly numbers: ReadonlyMap<string, string>
  typeError?: string
}

/** Where a value stands, from the innermost step on: it is spelled out only where something is wrong. */
interface Place {
  readonly within: Place | undefined
  /** A field, a map's key, or an item's index. */
  readonly step: string | number
  /** The struct whose field it is; undefined for an item and for a map's key. */
  readonly type: SchemaType | undefined
}

/** As people read it: `spec.ports[0].port`. */
function pathOf(place: Place | undefined): string {
  if (!place) return ''
  const before = pathOf(place.within)
  if (typeof place.step === 'number') return `${before}[${place.step}]`
  return before === '' ? place.step : `${before}.${place.step}`
}

/** As Go's decoder names it: `ServicePort.spec.ports.port`. */
function goPathOf(place: Place): string {
  const fields: (string | number)[] = []
  let struct: SchemaType | undefined
  for (let at: Place | undefined = place; at; at = at.within) {
    if (!at.type) continue
    fields.unshift(at.step)
    struct ??= at.type
  }
  return [struct?.name.slice(struct.name.lastIndexOf('.') + 1) ?? '', ...fields].join('.')
}

/**
 * Checks an object of a resource against the schema, and prunes what the schema does not have.
 * @param numbers as parseJSONStrict() found them
 */
export function checkFields(
  resource: Pick<Resource, 'group' | 'version' | 'kind'>,
  object: JSONObject,
  numbers: ReadonlyMap<string, string> = noNumbers,
): FieldCheck {
  const type = schemaTypeOf(resource)
  if (!type) throw new Error(`Cannot check ${resource.kind}: the schema does not have it`)
  const check: Check = { unknown: [], numbers }
  const pruned = checkStruct(type, object, undefined, check)
  return findingsOf(check, pruned)
}

function findingsOf({ unknown, typeError }: Check, object: JSONObject): FieldCheck {
  return { object, unknown, ...(typeError === undefined ? {} : { typeError }) }
}

/** Checks a value inside an object: `meta.v1.ObjectMeta`. Its paths begin there. */
export function checkTypeFields(name: string, value: JSONValue): FieldCheck {
  const check: Check = { unknown: [], numbers: noNumbers }
  if (isJSONObject(value)) {
    const object = checkStruct(schemaType(name), value, undefined, check)
    return findingsOf(check, object)
  }
  const typeError = `json: cannot unmarshal ${describeJSON(value)} into Go value of type ${goName(name)}`
  return { object: {}, unknown: [], typeError }
}

function checkStruct(
  type: SchemaType,
  object: JSONObject,
  within: Place | undefined,
  check: Check,
): JSONObject {
  const pruned: JSONObject = {}
  for (const key of Object.keys(object)) {
    const field = type.json.get(key)
    const place = { within, step: key, type }
    if (!field) {
      if (check.unknown.length < maxUnknown) check.unknown.push(pathOf(place))
      continue
    }
    const value = object[key]!
    if (value === null) continue
    const checked = checkField(field, value, place, check)
    if (checked !== undefined && !isOmitted(field, checked)) pruned[key] = checked
  }
  return pruned
}

/** Go's omitempty. A pointer tells zero from absence; a struct is never empty. */
export function isOmitted(field: Field, value: JSONValue): boolean {
  return !field.pointer && !field.kept && isEmpty(field, value)
}

/** What Go's types hold where nothing was set. */
export function isEmpty(field: Field, value: JSONValue): boolean {
  if (field.type.shape === 'list') return (value as JSONValue[]).length === 0
  if (field.type.shape === 'map') return Object.keys(value as JSONObject).length === 0
  if (field.type.of === 'IntOrString') return false
  return value === '' || value === 0 || value === false
}

function checkField(
  field: Field,
  value: JSONValue,
  place: Place,
  check: Check,
): JSONValue | undefined {
  const { shape, of } = field.type
  if (shape === 'one') return checkOne(of, value, place, check, field.goType)
  if (shape === 'list') {
    if (Array.isArray(value)) {
      return value.map((item, index) => {
        const inner = { within: place, step: index, type: undefined }
        const one = item === null ? zeroOf(of) : item
        return checkOne(of, one, inner, check, field.goType) ?? zeroOf(of)
      })
    }
    return mistyped(value, `[]${goName(of, field.goType)}`, place, check)
  }
  if (!isJSONObject(value)) {
    return mistyped(value, `map[string]${goName(of, field.goType)}`, place, check)
  }
  const map: JSONObject = {}
  for (const key of Object.keys(value)) {
    const item = getKey(value, key) ?? zeroOf(of)
    if (item === null) {
      setKey(map, key, null)
      continue
    }
    const inner = { within: place, step: key, type: undefined }
    const checked = checkOne(of, item, inner, check, field.goType)
    if (checked !== undefined) setKey(map, key, checked)
  }
  return map
}

function checkOne(
  of: string,
  value: JSONValue,
  place: Place,
  check: Check,
  goType: string | undefined,
): JSONValue | undefined {
  if (isStruct(of)) {
    const type = schemaType(of)
    if (isJSONObject(value)) return checkStruct(type, value, place, check)
    return mistyped(value, goName(of), place, check)
  }
  if (isSchemaOr(of)) return checkSchemaOr(of, value, place, check)
  const written = check.numbers.size > 0 ? check.numbers.get(pathOf(place)) : undefined
  const result = checkScalar(of, value, goType, written)
  if ('value' in result) return result.value
  if ('error' in result) check.typeError ??= result.error
  else check.typeError ??= goError(result.mismatch, result.goType, place)
  return undefined
}

/** Go's types for these decode themselves, and tell nobody of unknown fields: apiextensions/v1/marshal.go. */
function checkSchemaOr(
  of: string,
  value: JSONValue,
  place: Place,
  check: Check,
): JSONValue | undefined {
  const inner: Check = { unknown: [], numbers: check.numbers }
  const checkSchema = (one: JSONValue) => checkOne(JSON_SCHEMA, one, place, inner, undefined) ?? {}
  const checked = isJSONObject(value)
    ? checkSchema(value)
    : simplerThanSchema(of, value, checkSchema)
  if (checked === undefined && of === 'JSONSchemaPropsOrBool')
    check.typeError ??= 'boolean or JSON schema expected'
  if (inner.typeError) check.typeError ??= inner.typeError
  return checked
}

function simplerThanSchema(
  of: string,
  value: JSONValue,
  checkSchema: (one: JSONValue) => JSONValue,
): JSONValue | undefined {
  if (of === 'JSONSchemaPropsOrBool') return typeof value === 'boolean' ? value : undefined
  if (!Array.isArray(value)) return undefined
  if (of === 'JSONSchemaPropsOrArray') return value.map(checkSchema)
  return value.every((one) => typeof one === 'string') ? value : undefined
}

function mistyped(value: JSONValue, goType: string, place: Place, check: Check): undefined {
  check.typeError ??= goError(describeJSON(value), goType, place)
  return undefined
}

function goError(what: string, goType: string, place: Place): string {
  return `json: cannot unmarshal ${what} into Go struct field ${goPathOf(place)} of type ${goType}`
}

export function zeroOf(of: string): JSONValue {
  if (isStruct(of)) return {}
  if (of === 'JSON') return null
  if (of === 'bool') return false
  if (of === 'Time' || of === 'MicroTime' || of === '[]string') return null
  return /^(int32|int64|double)$/.test(of) ? 0 : of === 'Quantity' ? '0' : ''
}

/** `v1.ServicePort` of `core.v1.ServicePort`. */
function goName(of: string, goType?: string): string {
  if (isStruct(of)) return of.slice(of.indexOf('.') + 1)
  const names: Readonly<Record<string, string>> = {
    bytes: '[]uint8',
    double: 'float64',
    Quantity: 'resource.Quantity',
  }
  return goType ?? names[of] ?? of
}
