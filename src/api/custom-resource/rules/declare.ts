/** What rules may say of a value, by its schema. Source: apiserver pkg/cel/common/schemas.go, pkg/cel/types.go. */
import type { Environment } from '../../cel/environment.ts'
import type { SizeAt } from '../../cel/estimate.ts'
import { LIBRARY } from '../../cel/library.ts'
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  optionalOf,
  STRING,
  struct,
  TIMESTAMP,
  type Type,
} from '../../cel/types.ts'
import { additionalOf, itemsOf, type JSONSchema } from '../json-schema.ts'
import { escapeName, isReserved } from './escape.ts'

export type Declaration = {
  /** How many items, entries or bytes it may have. */
  readonly most: number
  /** How short it can be as JSON. */
  readonly shortest: number
} & (
  | { readonly kind: 'value'; readonly type: Type }
  | { readonly kind: 'list'; readonly items: Declaration }
  | { readonly kind: 'map'; readonly values: Declaration }
  /** By their names as rules write them. */
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Declaration> }
)

const MAX_REQUEST = 3 * 1024 * 1024
const MAX_TEXT = MAX_REQUEST - 2

const TEXT: JSONSchema = { type: 'string' }

/** With what every resource has: rules see no more of its metadata than names. */
export function withMeta(schema: JSONSchema): JSONSchema {
  const metadata: JSONSchema = { type: 'object', properties: { name: TEXT, generateName: TEXT } }
  return { ...schema, properties: { ...schema.properties, kind: TEXT, apiVersion: TEXT, metadata } }
}

/** Undefined where rules cannot see the value: nothing is known of it. */
export function declare(given: JSONSchema, isResource: boolean): Declaration | undefined {
  if (given['x-kubernetes-int-or-string']) {
    const { maxLength } = given
    const most = maxLength === undefined ? MAX_TEXT : Math.max(0, maxLength) * 4
    return { kind: 'value', type: DYN, most, shortest: 1 }
  }
  const schema = isResource ? withMeta(given) : given
  switch (schema.type) {
    case 'array':
      return declareList(schema)
    case 'object':
      return declareObject(schema)
    case 'string':
      return declareText(schema)
    case 'boolean':
      return { kind: 'value', type: BOOL, most: 0, shortest: 4 }
    case 'number':
      return { kind: 'value', type: DOUBLE, most: 0, shortest: 1 }
    case 'integer':
      return { kind: 'value', type: INT, most: 0, shortest: 1 }
  }
  return undefined
}

const isEmbedded = (schema: JSONSchema) => schema['x-kubernetes-embedded-resource'] === true

function declareList(schema: JSONSchema): Declaration | undefined {
  const below = itemsOf(schema)
  const items = below && declare(below, isEmbedded(below))
  if (!items) return undefined
  const most = schema.maxItems ?? Math.trunc(MAX_TEXT / (items.shortest + 1))
  return { kind: 'list', items, most: Math.max(0, most), shortest: 2 }
}

function declareObject(schema: JSONSchema): Declaration | undefined {
  const below = additionalOf(schema)
  if (below) {
    const values = declare(below, isEmbedded(below))
    if (!values) return undefined
    const most = schema.maxProperties ?? Math.trunc(MAX_TEXT / (values.shortest + 6))
    return { kind: 'map', values, most: Math.max(0, most), shortest: 2 }
  }
  const needed = new Set(schema.required)
  const fields = new Map<string, Declaration>()
  let shortest = 2
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const field = declare(property, isEmbedded(property))
    if (!field) continue
    const escaped = escapeName(name)
    if (escaped !== undefined) fields.set(escaped, field)
    if (needed.has(name) && property.default === undefined)
      shortest += Buffer.byteLength(name) + field.shortest + 4
  }
  return { kind: 'object', fields, most: 0, shortest }
}

const DATE_SIZE = 12
const TIME_SIZE = 32

function declareText(schema: JSONSchema): Declaration {
  const { format, maxLength, enum: values = [] } = schema
  switch (format) {
    case 'byte': {
      const most = maxLength === undefined ? MAX_TEXT : Math.max(0, maxLength)
      return { kind: 'value', type: BYTES, most, shortest: 2 }
    }
    case 'duration':
      return { kind: 'value', type: DURATION, most: TIME_SIZE, shortest: 3 }
    case 'date':
      return { kind: 'value', type: TIMESTAMP, most: DATE_SIZE, shortest: DATE_SIZE }
    case 'date-time':
      return { kind: 'value', type: TIMESTAMP, most: TIME_SIZE, shortest: 21 }
  }
  const longest = Math.max(
    0,
    ...values.map((value) => (typeof value === 'string' ? Buffer.byteLength(value) : 0)),
  )
  const most =
    maxLength !== undefined ? Math.max(0, maxLength) * 4 : values.length > 0 ? longest : MAX_TEXT
  return { kind: 'value', type: STRING, most, shortest: 2 }
}

const SELF = 'selfType'

/** What a rule may name: `self`, `oldSelf`, and the functions. */
export function environmentOf(self: Declaration, isOldOptional: boolean): Environment {
  const objects = new Map<string, Declaration>()
  const typeOf = (declared: Declaration, name: string): Type => {
    switch (declared.kind) {
      case 'value':
        return declared.type
      case 'list':
        return listOf(typeOf(declared.items, `${name}.@idx`))
      case 'map':
        return mapOf(STRING, typeOf(declared.values, `${name}.@elem`))
      case 'object':
        objects.set(name, declared)
        return struct(name)
    }
  }
  const type = typeOf(self, SELF)
  return {
    functions: LIBRARY,
    variables: { self: type, oldSelf: isOldOptional ? optionalOf(type) : type },
    isObject: (name) => objects.has(name),
    fieldOf(typeName, field) {
      const object = objects.get(typeName)
      if (object?.kind !== 'object') return undefined
      const name = !object.fields.has(field) && isReserved(field) ? `__${field}__` : field
      const found = object.fields.get(name)
      return found && typeOf(found, `${typeName}.${name}`)
    },
  }
}

/** How large parts of a value can be. */
export const sizesOf =
  (self: Declaration): SizeAt =>
  (path) => {
    let found = self
    // Whatever the first name is: upstream does not look.
    for (const name of path.slice(1)) {
      const below = stepInto(found, name)
      if (!below) return undefined
      found = below
    }
    return { min: 0, max: found.most }
  }

function stepInto(declared: Declaration, name: string): Declaration | undefined {
  if (name === '@items' || name === '@values')
    return declared.kind === 'list'
      ? declared.items
      : declared.kind === 'map'
        ? declared.values
        : undefined
  if (name === '@keys') return declared.kind === 'map' ? KEY : undefined
  return declared.kind === 'object' ? declared.fields.get(name) : undefined
}

/** Upstream knows nothing of how long keys are. */
const KEY: Declaration = { kind: 'value', type: STRING, most: 0, shortest: 2 }
