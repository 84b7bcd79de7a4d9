import { isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import { zeroOf } from './check-fields.ts'
import {
  type Field,
  isSchemaOr,
  isStruct,
  JSON_SCHEMA,
  type SchemaType,
  schemaType,
} from './schema.ts'

/**
 * What Go prints of fields that hold nothing: an empty struct that is no pointer is `{}`, a time that is none `null`,
 * and a field without omitempty its zero. Source: encoding/json, over the types of k8s.io/api.
 */
interface Step {
  readonly name: string
  /** What is there where the field holds nothing. */
  readonly zero?: JSONValue
  /** The struct to go on in. */
  readonly inner?: SchemaType
  readonly isMap: boolean
}

/** As Go prints it, or as our own code wants it: without what is null. */
type Form = 'printed' | 'filled'

const plans = {
  printed: new WeakMap<SchemaType, readonly Step[]>(),
  filled: new WeakMap<SchemaType, readonly Step[]>(),
}
const reaching = { printed: new Map<string, boolean>(), filled: new Map<string, boolean>() }

/** As Go prints the object. Returns the same where nothing was missing. `object` has passed checkFields(). */
export function printFields<T extends object>(type: SchemaType, object: T): T {
  return complete(type, object as unknown as JSONObject, 'printed') as unknown as T // checkFields() saw the shape
}

/** As Go holds the object, so that it can be compared: with what printFields() adds, but for what is null. */
export function fillFields<T extends object>(type: SchemaType, object: T): T {
  return complete(type, object as unknown as JSONObject, 'filled') as unknown as T // checkFields() saw the shape
}

/** Takes back what printFields() added to fillFields(). */
export function dropNulls<T extends object>(type: SchemaType, object: T): T {
  return dropFrom(type, object as unknown as JSONObject) as unknown as T // it was printed
}

function complete(type: SchemaType, object: JSONObject, form: Form): JSONObject {
  let completed = object
  for (const { name, zero, inner, isMap } of planOf(type, form)) {
    const value = object[name]
    const isMissing = value === undefined || value === null
    const better = isMissing
      ? zero
      : inner
        ? mapStructs(value, isMap, (one) => complete(inner, one, form))
        : value
    if (better === undefined || better === value) continue
    if (completed === object) completed = { ...object }
    completed[name] = better
  }
  return completed
}

function dropFrom(type: SchemaType, object: JSONObject): JSONObject {
  let dropped = object
  for (const { name, zero, inner, isMap } of planOf(type, 'printed')) {
    const value = object[name]
    if (value === undefined || (value === null && zero !== null)) continue
    const better = inner && value ? mapStructs(value, isMap, (one) => dropFrom(inner, one)) : value
    if (better === value && value !== null) continue
    if (dropped === object) dropped = { ...object }
    if (value === null) delete dropped[name]
    else dropped[name] = better
  }
  return dropped
}

/** A struct, or those in a list or a map; the same value where none changed. */
function mapStructs(
  value: JSONValue,
  isMap: boolean,
  change: (object: JSONObject) => JSONObject,
): JSONValue {
  if (Array.isArray(value)) {
    const items = value.map((item) => (isJSONObject(item) ? change(item) : item))
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  if (!isJSONObject(value)) return value
  if (!isMap) return change(value)
  const changed: JSONObject = {}
  let isSame = true
  for (const [key, item] of Object.entries(value)) {
    const better = isJSONObject(item) ? change(item) : item
    isSame &&= better === item
    setKey(changed, key, better)
  }
  return isSame ? value : changed
}

function planOf(type: SchemaType, form: Form): readonly Step[] {
  let plan = plans[form].get(type)
  if (!plan) {
    plan = [...type.json.values()].flatMap((field) => planField(field, form))
    plans[form].set(type, plan)
  }
  return plan
}

function planField(field: Field, form: Form): Step[] {
  const { name, type } = field
  const inner = isSchemaOr(type.of) ? JSON_SCHEMA : type.of
  const isWalked = isStruct(inner) && reachesZeros(inner, form)
  const zero = zeroOfField(field, form)
  if (zero === undefined && !isWalked) return []
  return [
    {
      name,
      ...(zero === undefined ? {} : { zero }),
      ...(isWalked ? { inner: schemaType(inner) } : {}),
      isMap: type.shape === 'map',
    },
  ]
}

/** Undefined where nothing is printed: of pointers, and of what has omitempty. */
function zeroOfField(field: Field, form: Form): JSONValue | undefined {
  if (isStruct(field.type.of) && field.type.shape === 'one' && !field.pointer) {
    return complete(schemaType(field.type.of), {}, form)
  }
  const zero = zeroOfPlain(field)
  return zero === null && form === 'filled' ? undefined : zero
}

function zeroOfPlain({ name, type: { shape, of }, pointer, kept }: Field): JSONValue | undefined {
  if (shape !== 'one' || pointer) return kept ? null : undefined
  // Times and these write themselves, so that omitempty means nothing; metav1.ObjectMeta alone has omitzero.
  if (of === 'Time' || of === 'MicroTime') return name === 'creationTimestamp' ? undefined : null
  if (of === 'IntOrString') return 0
  if (!kept) return undefined
  return of === 'bytes' || of === 'RawExtension' ? null : zeroOf(of)
}

/** Whether something in a type is printed though it holds nothing. JSON schemas reach themselves, hence the order. */
function reachesZeros(name: string, form: Form): boolean {
  const known = reaching[form].get(name)
  if (known !== undefined) return known
  reaching[form].set(name, false)
  const reaches = [...schemaType(name).json.values()].some(
    (field) =>
      (isStruct(field.type.of) && reachesZeros(field.type.of, form)) ||
      zeroOfField(field, form) !== undefined,
  )
  reaching[form].set(name, reaches)
  return reaches
}
