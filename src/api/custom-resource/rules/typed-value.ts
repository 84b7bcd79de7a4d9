/** Parts of an object as values of CEL, made as they are asked for. Source: apiserver pkg/cel/common/valuesunstructured.go. */

import { equals } from '../../cel/compare.ts'
import { parseDuration, parseTimestamp } from '../../cel/functions/time.ts'
import { spend } from '../../cel/meter.ts'
import {
  ArrayList,
  Dict,
  Duration,
  type Failure,
  fail,
  List,
  noOverload,
  Opaque,
  Timestamp,
  type Value,
} from '../../cel/values.ts'
import { equalJSON, getKey, isJSONObject, type JSONObject, type JSONValue } from '../../json.ts'
import { additionalOf, itemsOf, type JSONSchema, propertyOf } from '../json-schema.ts'
import { withMeta } from './declare.ts'
import { escapeName, unescapeName } from './escape.ts'

/** @param schema of a resource's root with its metadata, see withMeta() */
export function typedValue(value: JSONValue, schema: JSONSchema): Value {
  if (value === null)
    return schema.nullable ? null : fail('invalid data, got null for schema with nullable=false')
  if (schema['x-kubernetes-int-or-string']) {
    if (typeof value === 'string') return value
    if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
    return fail('invalid data, expected XIntOrString value to be either a string or integer')
  }
  switch (schema.type) {
    case 'object':
      return isJSONObject(value)
        ? new TypedDict(value, schema['x-kubernetes-embedded-resource'] ? withMeta(schema) : schema)
        : fail('invalid data, expected a map for the provided schema with type=object')
    case 'array':
      return typedList(value, schema)
    case 'string':
      return typeof value === 'string' ? typedText(value, schema) : expected('string', value)
    case 'number':
      return typeof value === 'number' ? value : expected('float', value)
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value)
        ? BigInt(value)
        : expected('int', value)
    case 'boolean':
      return typeof value === 'boolean' ? value : expected('bool', value)
  }
  return new Unknown(value)
}

const expected = (what: string, value: JSONValue) =>
  fail(`invalid data, expected ${what}, got ${goType(value)}`)

function goType(value: JSONValue): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (isJSONObject(value)) return 'map[string]interface {}'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/** What x-kubernetes-preserve-unknown-fields keeps: it can be compared, and no more. */
class Unknown extends Opaque {
  override readonly typeName = 'unknown'
  readonly raw: JSONValue
  constructor(raw: JSONValue) {
    super()
    this.raw = raw
  }
  override equals(other: Opaque): boolean {
    return other instanceof Unknown && equalJSON(this.raw, other.raw)
  }
}

function typedText(text: string, { format }: JSONSchema): Value {
  switch (format) {
    case 'duration': {
      const nanos = parseDuration(text) ?? parseWords(text)
      const why = `unable to parse ${text} as duration`
      return nanos === undefined ? fail(`Invalid duration ${text}: ${why}`) : new Duration(nanos)
    }
    case 'date':
      return parseTimestamp(`${text}T00:00:00Z`) ?? fail(`Invalid date formatted string ${text}`)
    case 'date-time':
      return parseDateTime(text) ?? fail(`Invalid date-time formatted string ${text}`)
    case 'byte':
      return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
        ? Uint8Array.from(Buffer.from(text, 'base64'))
        : fail(`Invalid byte formatted string ${text}`)
  }
  return text
}

const UNIT_NAMES: readonly (readonly [RegExp, bigint])[] = [
  [/^(?:ns|nano.*)$/, 1n],
  [/^(?:us|µs|micro.*)$/, 1_000n],
  [/^(?:ms|milli.*)$/, 1_000_000n],
  [/^(?:s|sec.*)$/, 1_000_000_000n],
  [/^(?:m|min.*)$/, 60_000_000_000n],
  [/^(?:h|hr|hour.*)$/, 3_600_000_000_000n],
  [/^(?:d|day.*)$/, 86_400_000_000_000n],
  [/^(?:w|wk|week.*)$/, 604_800_000_000_000n],
]

/** `3 days`, as the format of schemas has it beside Go's. */
function parseWords(text: string): bigint | undefined {
  if (text.length > 256) return undefined
  let total: bigint | undefined
  for (const [, count, name] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    const unit = UNIT_NAMES.find(([pattern]) => pattern.test(name!.toLowerCase()))?.[1]
    if (unit !== undefined) total = (total ?? 0n) + BigInt(count!) * unit
  }
  return total === undefined ? undefined : BigInt.asIntN(64, total)
}

/** With lower case letters, and zones without a colon, which upstream's format takes too. */
function parseDateTime(text: string): Timestamp | undefined {
  if (text === '') return new Timestamp(0n)
  return parseTimestamp(text.toUpperCase().replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
}

class TypedDict extends Dict {
  override readonly isTyped = true
  readonly raw: JSONObject
  readonly #schema: JSONSchema
  readonly size: number
  constructor(raw: JSONObject, schema: JSONSchema) {
    super()
    this.raw = raw
    this.#schema = schema
    this.size = Object.keys(raw).length
  }

  get #isObject(): boolean {
    return this.#schema.properties !== undefined
  }

  #schemaOf(key: string): JSONSchema | undefined {
    return this.#isObject ? propertyOf(this.#schema, key) : additionalOf(this.#schema)
  }

  override find(key: Value): Value | undefined {
    if (typeof key !== 'string') return noOverload()
    const name = this.#isObject ? unescapeName(key) : key
    return name === undefined ? undefined : this.#valueOf(name)
  }

  #valueOf(name: string): Value | undefined {
    const value = getKey(this.raw, name)
    // A null in place of a field is as if it were not there.
    if (value === undefined || (value === null && this.#isObject)) return undefined
    const schema = this.#schemaOf(name)
    return schema && typedValue(value, schema)
  }

  override *keys(): Iterable<Value> {
    for (const name of Object.keys(this.raw)) {
      if (!this.#schemaOf(name)) continue
      yield this.#isObject ? (escapeName(name) ?? name) : name
    }
  }

  override equalsDict(other: Dict): boolean | Failure {
    for (const [name, value] of Object.entries(this.raw)) {
      spend(1)
      if (this.#schemaOf(name)) {
        const [a, b] = [this.find(name), other.find(name)]
        if ((a === undefined) !== (b === undefined)) return false
        if (a === undefined || b === undefined) continue
        const same = equals(a, b)
        if (same !== true) return same
      } else if (!(other instanceof TypedDict)) return noOverload()
      else if (Object.hasOwn(other.raw, name) && !equalJSON(value, other.raw[name])) return false
    }
    return true
  }
}

function typedList(value: JSONValue, schema: JSONSchema): Value {
  const items = itemsOf(schema)
  if (!Array.isArray(value))
    return fail('invalid data, expected an array for the provided schema with type=array')
  if (!items) return fail('invalid array type, expected Items with a non-empty Schema')
  switch (schema['x-kubernetes-list-type']) {
    case 'map':
      return new KeyedList(value, items, schema['x-kubernetes-list-map-keys'] ?? [])
    case 'set':
      return new SetList(value, items)
  }
  return new TypedList(value, items)
}

class TypedList extends List {
  override readonly isTyped = true
  readonly raw: readonly JSONValue[]
  readonly schema: JSONSchema
  constructor(raw: readonly JSONValue[], schema: JSONSchema) {
    super()
    this.raw = raw
    this.schema = schema
  }
  override get length(): number {
    return this.raw.length
  }
  override at(index: number): Value {
    return typedValue(this.raw[index]!, this.schema)
  }
}

/** x-kubernetes-list-type: set. Order does not matter; what is added twice is there once. */
class SetList extends TypedList {
  override equalsList(other: List): boolean | Failure {
    spend(this.length)
    const held = new Set([...this].map(plain))
    for (const item of other) if (!held.has(plain(item))) return false
    return true
  }
  override join(other: List): Value {
    spend(this.length + other.length)
    const items = [...this]
    const held = new Set(items.map(plain))
    for (const item of other) {
      if (held.has(plain(item))) continue
      held.add(plain(item))
      items.push(item)
    }
    return new ArrayList(items)
  }
}

/** Items of a set are scalars. */
const plain = (value: Value): unknown =>
  value instanceof Duration || value instanceof Timestamp
    ? value.nanos
    : value instanceof Uint8Array
      ? Buffer.from(value).toString('hex')
      : value

/** x-kubernetes-list-type: map. Items are told apart by their keys; what is added takes the place of its like. */
class KeyedList extends TypedList {
  readonly #keys: readonly string[]
  constructor(raw: readonly JSONValue[], schema: JSONSchema, keys: readonly string[]) {
    super(raw, schema)
    this.#keys = keys
  }
  #keyOf(item: Value): string {
    if (!(item instanceof TypedDict)) return ''
    return JSON.stringify(this.#keys.map((key) => getKey(item.raw, key) ?? null))
  }
  override equalsList(other: List): boolean | Failure {
    spend(this.length)
    const held = new Map([...this].map((item) => [this.#keyOf(item), item]))
    for (const item of other) {
      const own = held.get(this.#keyOf(item))
      if (own === undefined) return false
      const same = equals(own, item)
      if (same !== true) return same
    }
    return true
  }
  override join(other: List): Value {
    spend(this.length + other.length)
    const held = new Map([...this].map((item) => [this.#keyOf(item), item]))
    for (const item of other) held.set(this.#keyOf(item), item)
    return new ArrayList([...held.values()])
  }
}
