import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { isEmpty } from './check-fields.ts'
import { type Field, isStruct, type SchemaType, schemaType } from './schema.ts'

/** What there is to do for a field of a type. */
interface Step {
  readonly field: Field
  readonly default?: JSONValue
  /** The struct to go on in. */
  readonly inner?: SchemaType
  /** Go cannot tell an empty value from absence. */
  readonly isPlain: boolean
  /** Go holds this struct also where JSON does not: what is in it has defaults even so. */
  readonly isImplied: boolean
}

const plans = new WeakMap<SchemaType, readonly Step[]>()
const reaching = new Map<string, boolean>()

/**
 * Fills in what fields hold when nobody set them, at every depth, by the table; defaults that depend on other fields
 * are the kinds' own. Returns the same object where nothing was missing, and never changes its argument.
 * `object` has passed checkFields(). Source: k8s.io/kubernetes pkg/apis/<group>/<version>/zz_generated.defaults.go
 */
export function applyDefaults<T extends object>(type: SchemaType, object: T): T {
  return fillStruct(type, object as unknown as JSONObject) as unknown as T // checkFields() saw the shape
}

function fillStruct(type: SchemaType, object: JSONObject): JSONObject {
  let filled = object
  for (const step of planOf(type)) {
    const { name } = step.field
    const value = object[name]
    const better = fillField(step, value)
    if (better === undefined || better === value) continue
    if (filled === object) filled = { ...object }
    filled[name] = better
  }
  return filled
}

function fillField(
  { field, default: fallback, isPlain, inner, isImplied }: Step,
  value?: JSONValue,
) {
  const isMissing = value === undefined || value === null || (isPlain && isEmpty(field, value))
  const held = isMissing && fallback !== undefined ? copyOf(fallback) : value
  if (!inner) return held
  if (held === undefined || held === null) {
    if (!isImplied) return held
    const made = fillStruct(inner, {})
    return Object.keys(made).length > 0 ? made : held
  }
  return fillInner(field.type.shape, inner, held)
}

function fillInner(shape: Field['type']['shape'], inner: SchemaType, value: JSONValue): JSONValue {
  if (Array.isArray(value)) {
    const items = value.map((item) => (isJSONObject(item) ? fillStruct(inner, item) : item))
    return items.some((item, index) => item !== value[index]) ? items : value
  }
  if (!isJSONObject(value) || shape === 'list') return value
  return shape === 'one' ? fillStruct(inner, value) : value
}

function planOf(type: SchemaType): readonly Step[] {
  let plan = plans.get(type)
  if (!plan) {
    plan = [...type.json.values()].flatMap(planField)
    plans.set(type, plan)
  }
  return plan
}

function planField(field: Field): Step[] {
  const { pointer, type } = field
  // A default that JSON would leave out again tells the key of a list item, and nothing else.
  const isPlain = !pointer && !field.kept
  const fallback = field.default
  const hasDefault = fallback !== undefined && !(isPlain && isEmpty(field, fallback))
  const inner = isStruct(type.of) && reachesDefaults(type.of) ? schemaType(type.of) : undefined
  if (!hasDefault && !inner) return []
  return [
    {
      field,
      ...(hasDefault ? { default: fallback } : {}),
      ...(inner ? { inner } : {}),
      isPlain,
      isImplied: type.shape === 'one' && !pointer,
    },
  ]
}

/** Whether something in a type has a default. JSON schemas reach themselves, hence the order. */
function reachesDefaults(name: string): boolean {
  const known = reaching.get(name)
  if (known !== undefined) return known
  reaching.set(name, false)
  const reaches = [...schemaType(name).json.values()].some(
    ({ default: own, type }) =>
      own !== undefined || (isStruct(type.of) && reachesDefaults(type.of)),
  )
  reaching.set(name, reaches)
  return reaches
}

function copyOf(value: JSONValue): JSONValue {
  if (Array.isArray(value)) return value.map(copyOf)
  if (!isJSONObject(value)) return value
  const copy: JSONObject = {}
  for (const key of Object.keys(value)) copy[key] = copyOf(value[key]!)
  return copy
}
