/** What makes a schema structural. Source: apiextensions-apiserver pkg/apiserver/schema/{validation,complete}.go. */
import { type FieldError, forbidden, invalid, required } from '../../field-error.ts'
import { equalJSON } from '../../json.ts'
import { additionalOf, itemsOf, type JSONSchema, propertyOf } from '../json-schema.ts'
import { whyNoPattern } from '../pattern.ts'
import { sortErrors } from './validate-schema.ts'

type Level = 'root' | 'item' | 'field'

const INT_OR_STRING = [{ type: 'integer' }, { type: 'string' }]

export function validateStructure(schema: JSONSchema, path: string): FieldError[] {
  return sortErrors([
    ...checkNode(schema, 'root', path),
    ...checkComplete(schema, schema, path, path),
  ])
}

function checkNode(schema: JSONSchema, level: Level, path: string): FieldError[] {
  const items = itemsOf(schema)
  const additional = additionalOf(schema)
  const isResource = level === 'root' || schema['x-kubernetes-embedded-resource'] === true
  return [
    ...(schema.type === 'array' && schema.items === undefined
      ? [required(`${path}.items`, 'must be specified')]
      : []),
    ...(items ? checkNode(items, 'item', `${path}.items`) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      checkNode(property, 'field', `${path}.properties[${name}]`),
    ),
    ...(schema.additionalProperties !== undefined && level === 'root'
      ? [forbidden(`${path}.additionalProperties`, 'must not be used at the root')]
      : []),
    ...(additional ? checkNode(additional, 'field', `${path}.additionalProperties`) : []),
    ...checkIntOrString(schema, path),
    ...checkAlternatives(schema, path, {
      anyOf: equalJSON(schema.anyOf, INT_OR_STRING),
      firstAllOf: equalJSON(schema.allOf?.[0]?.anyOf, INT_OR_STRING),
    }),
    ...checkType(schema, level, path),
    ...(isResource ? checkTypeMeta(schema, path) : []),
    ...checkMetadata(schema, level, isResource, path),
    ...checkEmbedded(schema, path),
  ]
}

function checkIntOrString(schema: JSONSchema, path: string): FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return []
  const clashing = (['preserve-unknown-fields', 'embedded-resource'] as const).filter(
    (name) => schema[`x-kubernetes-${name}`],
  )
  return clashing.map((name) =>
    invalid(
      `${path}.x-kubernetes-${name}`,
      true,
      'must be false if x-kubernetes-int-or-string is true',
    ),
  )
}

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
}

function checkType(schema: JSONSchema, level: Level, path: string): FieldError[] {
  const { type = '' } = schema
  const at = `${path}.type`
  const isFree =
    schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields']
  const ifEmbedded = 'must be object if x-kubernetes-embedded-resource is true'
  const isOdd = schema['x-kubernetes-embedded-resource'] && type !== 'object'
  return [
    ...(isOdd ? [type === '' ? required(at, ifEmbedded) : invalid(at, type, ifEmbedded)] : []),
    ...(!isOdd && type === '' && !isFree ? [required(at, EMPTY_TYPE[level])] : []),
    ...(level === 'root' && type !== '' && type !== 'object'
      ? [invalid(at, type, 'must be object at the root')]
      : []),
  ]
}

function checkTypeMeta(schema: JSONSchema, path: string): FieldError[] {
  return ['kind', 'apiVersion'].flatMap((name) => {
    const property = propertyOf(schema, name)
    if (!property || property.type === 'string') return []
    return [invalid(`${path}.properties[${name}].type`, property.type ?? '', 'must be string')]
  })
}

function checkMetadata(
  schema: JSONSchema,
  level: Level,
  isResource: boolean,
  path: string,
): FieldError[] {
  const metadata = propertyOf(schema, 'metadata')
  if (!metadata) return []
  const at = `${path}.properties[metadata]`
  return [
    ...(isResource && metadata.type !== 'object'
      ? [invalid(`${at}.type`, metadata.type ?? '', 'must be object')]
      : []),
    ...(level === 'root' && saysMore(metadata)
      ? [
          forbidden(
            at,
            'must not specify anything other than name and generateName, but metadata is implicitly specified',
          ),
        ]
      : []),
  ]
}

function saysMore({ type: _type, default: _default, properties, ...rest }: JSONSchema): boolean {
  const names = Object.keys(properties ?? {})
  return (
    Object.keys(rest).length > 0 || names.some((name) => name !== 'name' && name !== 'generateName')
  )
}

function checkEmbedded(schema: JSONSchema, path: string): FieldError[] {
  if (!schema['x-kubernetes-embedded-resource']) return []
  const hasProperties = Object.keys(schema.properties ?? {}).length > 0
  return [
    ...(schema.additionalProperties !== undefined
      ? [
          forbidden(
            `${path}.additionalProperties`,
            'must not be used if x-kubernetes-embedded-resource is set',
          ),
        ]
      : []),
    ...(hasProperties || schema['x-kubernetes-preserve-unknown-fields']
      ? []
      : [
          required(
            `${path}.properties`,
            'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
          ),
        ]),
  ]
}

/** Alternatives that say what x-kubernetes-int-or-string says too: the only ones that may name types. */
interface Skipped {
  readonly anyOf: boolean
  readonly firstAllOf: boolean
}

function checkAlternatives(schema: JSONSchema, path: string, skipped: Skipped): FieldError[] {
  const each = (schemas: readonly JSONSchema[] = [], name: string, isFirstSkipped = false) =>
    schemas.flatMap((one, index) =>
      checkAlternative(one, `${path}.${name}[${index}]`, isFirstSkipped && index === 0),
    )
  const why = schema.pattern ? whyNoPattern(schema.pattern) : undefined
  const wrong = `must be a valid regular expression, but isn't: ${why}`
  return [
    ...(skipped.anyOf ? [] : each(schema.anyOf, 'anyOf')),
    ...each(schema.allOf, 'allOf', skipped.firstAllOf),
    ...each(schema.oneOf, 'oneOf'),
    ...(schema.not ? checkAlternative(schema.not, `${path}.not`) : []),
    ...(why === undefined ? [] : [invalid(`${path}.pattern`, schema.pattern, wrong)]),
  ]
}

/** What an alternative may not say, since the structure says it, and in which words. */
const STRUCTURAL: readonly (readonly [keyof JSONSchema, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
]

function checkAlternative(schema: JSONSchema, path: string, skipsAnyOf = false): FieldError[] {
  const items = itemsOf(schema)
  const isSaid = (name: keyof JSONSchema) => {
    const value = schema[name]
    if (name === 'additionalProperties') return value !== undefined && value !== false
    return value !== undefined && value !== '' && value !== false && !isEmptyList(value)
  }
  return [
    ...checkAlternatives(schema, path, { anyOf: skipsAnyOf, firstAllOf: false }),
    ...(items ? checkAlternative(items, `${path}.items`) : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
      checkAlternative(property, `${path}.properties[${name}]`),
    ),
    ...STRUCTURAL.filter(([name]) => isSaid(name)).map(([name, why]) =>
      forbidden(`${path}.${name}`, why),
    ),
    ...(propertyOf(schema, 'metadata')
      ? [forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context')]
      : []),
  ]
}

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0

/** Whatever an alternative speaks of must stand in the structure. */
function checkComplete(
  spoken: JSONSchema,
  structure: JSONSchema,
  path: string,
  spokenPath: string,
): FieldError[] {
  const each = (schemas: readonly JSONSchema[] = [], name: string) =>
    schemas.flatMap((one, index) =>
      checkSpoken(one, structure, path, `${spokenPath}.${name}[${index}]`),
    )
  return [
    ...(spoken.not ? checkSpoken(spoken.not, structure, path, `${spokenPath}.not`) : []),
    ...each(spoken.allOf, 'allOf'),
    ...each(spoken.anyOf, 'anyOf'),
    ...each(spoken.oneOf, 'oneOf'),
  ]
}

function checkSpoken(
  spoken: JSONSchema,
  structure: JSONSchema | undefined,
  path: string,
  spokenPath: string,
): FieldError[] {
  if (!structure) return [required(path, `because it is defined in ${spokenPath}`)]
  const items = itemsOf(spoken)
  return [
    ...checkComplete(spoken, structure, path, spokenPath),
    ...(items
      ? checkSpoken(items, itemsOf(structure), `${path}.items`, `${spokenPath}.items`)
      : []),
    ...Object.entries(spoken.properties ?? {}).flatMap(([name, property]) => {
      const at = `.properties[${name}]`
      return checkSpoken(
        property,
        propertyOf(structure, name),
        `${path}${at}`,
        `${spokenPath}${at}`,
      )
    }),
  ]
}
