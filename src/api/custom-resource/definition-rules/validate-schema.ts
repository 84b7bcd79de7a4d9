/** What a schema may say at all. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go. */
import {
  type FieldError,
  forbidden,
  formatFieldErrorBody,
  invalid,
  notSupported,
  required,
} from '../../field-error.ts'
import { isJSONObject } from '../../json.ts'
import { itemsOf, type JSONSchema, META_FIELDS } from '../json-schema.ts'
import { readFieldPath } from '../rules/field-path.ts'
import { validateListType } from './validate-list-type.ts'

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const MAP_TYPES = ['atomic', 'granular']
const RULE_REASONS = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
]

interface Place {
  readonly isRoot: boolean
  readonly insideMeta: boolean
  /** Why there must be no default here. */
  readonly noDefault?: string
}

/** Rules of every schema in the tree, in the order in which upstream walks it. */
export function validateSchema(
  schema: JSONSchema,
  path: string,
  place: Place = { isRoot: true, insideMeta: false },
): FieldError[] {
  const below = { ...place, isRoot: false }
  const each = (schemas: readonly JSONSchema[] | undefined, name: string) =>
    (schemas ?? []).flatMap((one, index) => validateSchema(one, `${path}.${name}[${index}]`, below))
  return [
    ...checkUnsupported(schema, path, place),
    ...(schema.uniqueItems
      ? [
          forbidden(
            `${path}.uniqueItems`,
            'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
          ),
        ]
      : []),
    ...checkAdditional(schema, path, below),
    ...checkProperties(schema, path, place),
    ...(schema.not ? validateSchema(schema.not, `${path}.not`, below) : []),
    ...each(schema.allOf, 'allOf'),
    ...each(schema.oneOf, 'oneOf'),
    ...each(schema.anyOf, 'anyOf'),
    ...checkItems(schema, path, below),
    ...checkExtensions(schema, path),
    ...validateListType(schema, path),
    ...checkRules(schema, path),
  ]
}

function checkUnsupported(schema: JSONSchema, path: string, place: Place): FieldError[] {
  const { type = '' } = schema
  const no = (name: string, why = `${name} is not supported`) => forbidden(`${path}.${name}`, why)
  return [
    ...(type !== '' && !TYPES.includes(type) ? [notSupported(`${path}.type`, type, TYPES)] : []),
    ...(schema.default !== undefined && place.noDefault !== undefined
      ? [no('default', `must not be set ${place.noDefault}`)]
      : []),
    ...(schema.id ? [no('id')] : []),
    ...(schema.additionalItems !== undefined ? [no('additionalItems')] : []),
    ...(isFilled(schema.patternProperties) ? [no('patternProperties')] : []),
    ...(isFilled(schema.definitions) ? [no('definitions')] : []),
    ...(schema.dependencies !== undefined ? [no('dependencies')] : []),
    ...(schema.$ref !== undefined ? [no('$ref')] : []),
    ...(type === 'null'
      ? [no('type', 'type cannot be set to null, use nullable as an alternative')]
      : []),
    ...(Array.isArray(schema.items) && schema.items.length > 0
      ? [no('items', 'items must be a schema object and not an array')]
      : []),
    ...(place.insideMeta && schema['x-kubernetes-embedded-resource']
      ? [no('x-kubernetes-embedded-resource', 'must not be used inside of resource meta')]
      : []),
  ]
}

const isFilled = (object: object | undefined) => Object.keys(object ?? {}).length > 0

function checkAdditional(schema: JSONSchema, path: string, place: Place): FieldError[] {
  const { additionalProperties: additional, properties } = schema
  if (additional === undefined) return []
  const at = `${path}.additionalProperties`
  const excluded = isFilled(properties) && additional !== true
  const inMeta = place.insideMeta
    ? { noDefault: 'inside additionalProperties applying to object metadata' }
    : {}
  return [
    ...(excluded
      ? [forbidden(at, 'additionalProperties and properties are mutual exclusive')]
      : []),
    ...(isJSONObject(additional)
      ? validateSchema(additional as JSONSchema, at, { ...place, ...inMeta })
      : []),
  ]
}

function checkProperties(schema: JSONSchema, path: string, place: Place): FieldError[] {
  const isResource = place.isRoot || schema['x-kubernetes-embedded-resource'] === true
  const sorted = Object.entries(schema.properties ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return sorted.flatMap(([name, property]) => {
    const isMeta = isResource && META_FIELDS.has(name)
    return validateSchema(property, `${path}.properties[${name}]`, {
      ...place,
      isRoot: false,
      insideMeta: place.insideMeta || isMeta,
      ...(isMeta && place.isRoot ? { noDefault: `in top-level ${name}` } : {}),
    })
  })
}

function checkItems(schema: JSONSchema, path: string, place: Place): FieldError[] {
  const items = itemsOf(schema)
  if (items) return validateSchema(items, `${path}.items`, place)
  const list = Array.isArray(schema.items) ? (schema.items as readonly JSONSchema[]) : []
  return list.flatMap((one, index) => validateSchema(one, `${path}.items[${index}]`, place))
}

function checkExtensions(schema: JSONSchema, path: string): FieldError[] {
  const {
    type = '',
    'x-kubernetes-preserve-unknown-fields': preserves,
    'x-kubernetes-map-type': mapType,
  } = schema
  const mustBe = 'must be object if x-kubernetes-map-type is specified'
  return [
    ...(preserves === false
      ? [
          invalid(
            `${path}.x-kubernetes-preserve-unknown-fields`,
            false,
            'must be true or undefined',
          ),
        ]
      : []),
    ...(mapType !== undefined && type !== 'object'
      ? [type === '' ? required(`${path}.type`, mustBe) : invalid(`${path}.type`, type, mustBe)]
      : []),
    ...(mapType !== undefined && !MAP_TYPES.includes(mapType)
      ? [notSupported(`${path}.x-kubernetes-map-type`, mapType, MAP_TYPES)]
      : []),
  ]
}

function checkRules(schema: JSONSchema, path: string): FieldError[] {
  return (schema['x-kubernetes-validations'] ?? []).flatMap((rule, index) => {
    const at = (name: string) => `${path}.x-kubernetes-validations[${index}].${name}`
    const { rule: text = '', message = '', messageExpression = '', fieldPath = '', reason } = rule
    return [
      ...checkRuleText(text, message, at),
      ...(messageExpression !== '' && messageExpression.trim() === ''
        ? [required(at('messageExpression'), 'messageExpression must be non-empty if specified')]
        : []),
      ...(reason !== undefined && !RULE_REASONS.includes(reason)
        ? [notSupported(at('reason'), reason, RULE_REASONS)]
        : []),
      ...(fieldPath !== '' && fieldPath.trim() === ''
        ? [invalid(at('fieldPath'), fieldPath, 'must be non-empty if specified')]
        : []),
      ...(hasLineBreaks(fieldPath)
        ? [invalid(at('fieldPath'), fieldPath, 'must not contain line breaks')]
        : []),
      ...(fieldPath === '' || readFieldPath(fieldPath, schema) !== undefined
        ? []
        : [invalid(at('fieldPath'), fieldPath, 'must be a valid path')]),
    ]
  })
}

const hasLineBreaks = (text: string) => /[\n\r]/.test(text)

function checkRuleText(
  rule: string,
  message: string,
  at: (name: string) => string,
): readonly FieldError[] {
  if (rule.trim() === '') return [required(at('rule'), 'rule is not specified')]
  if (message !== '' && message.trim() === '')
    return [invalid(at('message'), message, 'must be non-empty if specified')]
  if (hasLineBreaks(message.trim()))
    return [invalid(at('message'), message, 'must not contain line breaks')]
  if (hasLineBreaks(rule.trim()) && message.trim() === '')
    return [required(at('message'), 'message must be specified if rule contains line breaks')]
  return []
}

/** By their text, as upstream sorts what it finds in maps. */
export function sortErrors(errors: readonly FieldError[]): FieldError[] {
  const text = (error: FieldError) => `${error.field}: ${formatFieldErrorBody(error)}`
  return errors.toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
}
