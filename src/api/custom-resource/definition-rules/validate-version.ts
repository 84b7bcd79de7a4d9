/** Rules of one version, or of what all versions share. Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go. */
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  required,
  tooMany,
} from '../../field-error.ts'
import { equalJSON, isJSONObject } from '../../json.ts'
import type {
  DefinitionSubresources,
  DefinitionVersion,
  PrinterColumn,
  ScalePaths,
} from '../definition.ts'
import { additionalOf, type JSONSchema, propertyOf } from '../json-schema.ts'
import { validateDefaults } from './validate-defaults.ts'
import { validateSchema } from './validate-schema.ts'
import { validateStructure } from './validate-structure.ts'

/** What versions have each, or all in common. */
export interface Parts {
  readonly schema: JSONSchema | undefined
  readonly subresources: DefinitionSubresources | undefined
  readonly columns: readonly PrinterColumn[]
  readonly selectable: readonly { readonly jsonPath: string }[]
  /** Whether a status subresource is there, wherever it is said. */
  readonly hasStatus: boolean
  /** For rules that look at the schema, wherever it is said. */
  readonly fullSchema: JSONSchema | undefined
}

export function versionParts(versions: readonly DefinitionVersion[]): {
  readonly shared: Parts
  readonly own: readonly Parts[]
} {
  const [first] = versions
  const isShared = (key: keyof DefinitionVersion) =>
    versions.every((version) => equalJSON(version[key], first?.[key]))
  const partsOf = (
    version: DefinitionVersion | undefined,
    keeps: (key: keyof DefinitionVersion) => boolean,
  ): Parts => ({
    schema: keeps('schema') ? version?.schema?.openAPIV3Schema : undefined,
    subresources: keeps('subresources') ? version?.subresources : undefined,
    columns: keeps('additionalPrinterColumns') ? (version?.additionalPrinterColumns ?? []) : [],
    selectable: keeps('selectableFields') ? (version?.selectableFields ?? []) : [],
    hasStatus: version?.subresources?.status !== undefined,
    fullSchema: version?.schema?.openAPIV3Schema,
  })
  const shared = partsOf(first, isShared)
  const anyStatus = versions.some(({ subresources }) => subresources?.status !== undefined)
  return {
    shared: { ...shared, hasStatus: anyStatus },
    own: versions.map((version) => partsOf(version, (key) => !isShared(key))),
  }
}

/** @param schemaName how the schema is called there: `validation` where it is shared */
export function validateParts(parts: Parts, path: string, schemaName: string): FieldError[] {
  const { schema, subresources, columns, selectable } = parts
  return [
    ...(schema ? checkSchema(schema, `${path}.${schemaName}`, parts.hasStatus) : []),
    ...(subresources?.scale
      ? checkScalePaths(subresources.scale, `${path}.subresources.scale`)
      : []),
    ...columns.flatMap((column, index) =>
      checkColumn(column, `${path}.additionalPrinterColumns[${index}]`),
    ),
    ...(selectable.length > 0
      ? checkSelectable(selectable, parts.fullSchema ?? {}, `${path}.selectableFields`)
      : []),
  ]
}

/** Go's names of what may stand at the root beside a status subresource. */
const AT_ROOT =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations'
const NOT_AT_ROOT: readonly (keyof JSONSchema)[] = [
  'id',
  '$schema',
  '$ref',
  'default',
  'enum',
  'maxProperties',
  'minProperties',
  'allOf',
  'oneOf',
  'anyOf',
  'not',
  'additionalProperties',
  'patternProperties',
  'dependencies',
  'additionalItems',
  'definitions',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-list-type',
  'x-kubernetes-map-type',
]

function checkSchema(schema: JSONSchema, path: string, hasStatus: boolean): FieldError[] {
  const at = `${path}.openAPIV3Schema`
  const structural = validateStructure(schema, at)
  return [
    ...(hasStatus ? checkRoot(schema, at) : []),
    ...(schema.nullable
      ? [forbidden(`${at}.nullable`, 'nullable cannot be true at the root')]
      : []),
    ...(structural.length > 0 ? structural : validateDefaults(schema, at)),
    ...validateSchema(schema, at),
  ]
}

function checkRoot(schema: JSONSchema, path: string): FieldError[] {
  const { type = '' } = schema
  if (type !== '' && type !== 'object') {
    const why =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
    return [invalid(`${path}.type`, type, why)]
  }
  const why = `only [${AT_ROOT}] fields are allowed at the root of the schema if the status subresource is enabled`
  return NOT_AT_ROOT.some((key) => schema[key] !== undefined) ? [invalid(path, schema, why)] : []
}

function checkScalePaths(scale: ScalePaths, path: string): FieldError[] {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale
  return [
    ...checkPath(specReplicasPath, `${path}.specReplicasPath`, ['.spec.'], '.spec'),
    ...checkPath(statusReplicasPath, `${path}.statusReplicasPath`, ['.status.'], '.status'),
    ...(labelSelectorPath === ''
      ? []
      : checkPath(
          labelSelectorPath,
          `${path}.labelSelectorPath`,
          ['.spec.', '.status.'],
          'either .spec or .status',
        )),
  ]
}

function checkPath(
  value: string | undefined,
  field: string,
  roots: readonly string[],
  words: string,
): FieldError[] {
  if (!value) return [required(field)]
  if (!value.startsWith('.'))
    return [invalid(field, value, 'must be a simple json path starting with .')]
  return roots.some((root) => value.startsWith(root))
    ? []
    : [invalid(field, value, `should be a json path under ${words}`)]
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS = [
  'byte',
  'date',
  'date-time',
  'double',
  'float',
  'int32',
  'int64',
  'password',
]

function checkColumn(column: PrinterColumn, path: string): FieldError[] {
  const { name = '', type = '', format = '', jsonPath = '' } = column
  const types = `must be one of ${COLUMN_TYPES.join(',')}`
  return [
    ...(name === '' ? [required(`${path}.name`)] : []),
    ...(type === ''
      ? [required(`${path}.type`, types)]
      : COLUMN_TYPES.includes(type)
        ? []
        : [invalid(`${path}.type`, type, types)]),
    ...(format === '' || COLUMN_FORMATS.includes(format)
      ? []
      : [invalid(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`)]),
    ...(jsonPath === ''
      ? [required(`${path}.JSONPath`)]
      : jsonPath.startsWith('.')
        ? []
        : [invalid(`${path}.JSONPath`, jsonPath, 'must be a simple json path starting with .')]),
  ]
}

const MAX_SELECTABLE = 8

function checkSelectable(
  fields: Parts['selectable'],
  schema: JSONSchema,
  path: string,
): FieldError[] {
  const seen = new Set<string>()
  const errors = fields.flatMap(({ jsonPath = '' }, index): FieldError[] => {
    const at = `${path}[${index}].jsonPath`
    if (jsonPath === '') return [required(at)]
    const found = findField(jsonPath, schema)
    if (typeof found === 'string') return [invalid(at, jsonPath, `is an invalid path: ${found}`)]
    const isAgain = seen.has(jsonPath)
    seen.add(jsonPath)
    return [
      ...(/^\.metadata(?:\.|$)/.test(jsonPath)
        ? [invalid(at, jsonPath, 'must not point to fields in metadata')]
        : []),
      ...(['string', 'boolean', 'integer'].includes(found.type ?? '')
        ? []
        : [
            invalid(
              at,
              jsonPath,
              'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
            ),
          ]),
      ...(isAgain ? [duplicate(at, jsonPath)] : []),
    ]
  })
  return seen.size > MAX_SELECTABLE ? [...errors, tooMany(path, seen.size, MAX_SELECTABLE)] : errors
}

/** The schema that a path leads to, or why it leads to none. */
function findField(jsonPath: string, schema: JSONSchema): JSONSchema | string {
  if (jsonPath.includes('[')) return 'array notation is not allowed'
  const [before, ...names] = jsonPath.split('.')
  if (before !== '') return `expected [ or . but got: ${before}`
  let found: JSONSchema | undefined = schema
  for (const name of names) {
    if (name === '') return 'unexpected end of JSON path'
    found = isJSONObject(found?.properties) ? propertyOf(found, name) : found && additionalOf(found)
    if (!found) return 'does not refer to a valid field'
  }
  return found
}

export function checkDeprecation(
  { deprecated = false, deprecationWarning: warning }: DefinitionVersion,
  field: string,
): FieldError[] {
  if (warning === undefined) return []
  const refuse = (why: string) => invalid(field, warning, why)
  if (!deprecated) return [refuse('can only be set for deprecated versions')]
  const odd = [...warning].findIndex((one) => /\p{C}|\p{Zl}|\p{Zp}|(?! )\p{Zs}/u.test(one))
  return [
    ...(Buffer.byteLength(warning) > 256 ? [refuse('must be <= 256 characters long')] : []),
    ...(warning === '' ? [refuse('must not be an empty string')] : []),
    ...(odd >= 0
      ? [
          refuse(
            `must only contain printable UTF-8 characters; non-printable character found at index ${odd}`,
          ),
        ]
      : []),
  ]
}
