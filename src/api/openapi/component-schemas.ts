import type { JSONObject, JSONValue } from '../json.ts'
import type { Descriptions } from '../schema/descriptions.ts'
import {
  type Field,
  type FieldType,
  type GroupVersionKind,
  isStruct,
  type SchemaType,
  schemaType,
} from '../schema/schema.ts'

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'
const apiExtensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions'

/** Types that are no structs and yet have a name of their own in upstream's documents. */
const named: Readonly<Record<string, readonly [string, JSONObject]>> = {
  Time: [
    `${meta}.Time`,
    { type: 'string', format: 'date-time', description: 'A time in RFC 3339, to the second.' },
  ],
  MicroTime: [
    `${meta}.MicroTime`,
    { type: 'string', format: 'date-time', description: 'A time in RFC 3339, to the microsecond.' },
  ],
  FieldsV1: [
    `${meta}.FieldsV1`,
    { type: 'object', description: 'A set of fields, as a tree of their names.' },
  ],
  Quantity: [
    'io.k8s.apimachinery.pkg.api.resource.Quantity',
    {
      oneOf: [{ type: 'string' }, { type: 'number' }],
      description: 'An amount with a unit, as in 100m, 1.5 or 2Gi.',
    },
  ],
  IntOrString: [
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    {
      format: 'int-or-string',
      oneOf: [{ type: 'integer' }, { type: 'string' }],
      description: 'A number, or a text such as a name or a percentage.',
    },
  ],
  RawExtension: [
    'io.k8s.apimachinery.pkg.runtime.RawExtension',
    { type: 'object', description: 'An object of any kind.' },
  ],
  Patch: [
    `${meta}.Patch`,
    { type: 'object', description: 'A change to an object, in the form that Content-Type names.' },
  ],
  JSON: [`${apiExtensions}.v1.JSON`, {}],
  JSONSchemaPropsOrArray: [`${apiExtensions}.v1.JSONSchemaPropsOrArray`, {}],
  JSONSchemaPropsOrBool: [`${apiExtensions}.v1.JSONSchemaPropsOrBool`, {}],
  JSONSchemaPropsOrStringArray: [`${apiExtensions}.v1.JSONSchemaPropsOrStringArray`, {}],
}

const plain: Readonly<Record<string, JSONObject>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  '[]string': { type: 'array', items: { type: 'string' } },
}

/** Before the names of custom types, which are not in the table. */
export const CUSTOM = 'custom:'

/** `io.k8s.api.core.v1.Pod` of `core.v1.Pod`. */
function componentName(of: string): string {
  const scalar = named[of]
  if (scalar) return scalar[0]
  if (of.startsWith(CUSTOM)) return of.slice(CUSTOM.length)
  if (of.startsWith('apiextensions.')) return of.replace('apiextensions', apiExtensions)
  return of.startsWith('meta.') ? `io.k8s.apimachinery.pkg.apis.${of}` : `io.k8s.api.${of}`
}

export const referTo = (of: string): JSONObject => ({
  $ref: `#/components/schemas/${componentName(of)}`,
})

export interface ComponentSchemasOptions {
  readonly descriptions: Descriptions
  /** DeleteOptions belong to each of these: clients look them up by the group that they speak to. */
  readonly groupVersions: readonly GroupVersion[]
}
export type GroupVersion = Pick<GroupVersionKind, 'group' | 'version'>

/** Schemas of these types and of all that they reach. */
export function planComponentSchemas(
  roots: readonly string[],
  options: ComponentSchemasOptions,
): JSONObject {
  const schemas = new Map<string, JSONObject>()
  const queue = [...roots]
  for (let of = queue.shift(); of; of = queue.shift()) {
    const name = componentName(of)
    if (schemas.has(name) || plain[of]) continue
    const scalar = named[of]
    if (scalar) {
      schemas.set(name, scalar[1])
      continue
    }
    const type = schemaType(of)
    schemas.set(name, describeType(type, options))
    queue.push(...[...type.json.values()].map((field) => field.type.of))
  }
  return Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function describeType(type: SchemaType, options: ComponentSchemasOptions): JSONObject {
  const { descriptions } = options
  const fields = [...type.json.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  const required = fields.filter((field) => field.required).map(({ name }) => name)
  const properties = fields.map((field) => [
    field.name,
    describeField(field, descriptions.ofField(type, field.name)),
  ])
  const gvks = kindsOf(type, options)
  return withoutUndefined({
    description: descriptions.ofType(type),
    type: 'object',
    properties: properties.length > 0 ? Object.fromEntries(properties) : undefined,
    required: required.length > 0 ? required : undefined,
    'x-kubernetes-group-version-kind': gvks.length > 0 ? gvks : undefined,
    'x-kubernetes-map-type': type.mapType,
    'x-kubernetes-unions': type.union ? [describeUnion(type.union)] : undefined,
  })
}

function kindsOf({ name, gvk }: SchemaType, { groupVersions }: ComponentSchemasOptions) {
  if (!gvk) return []
  const all = [gvk, ...(name === 'meta.v1.DeleteOptions' ? groupVersions : [])]
  const texts = new Set(all.map(({ group, version }) => `${group}/${version}`))
  return [...texts].sort().map((text) => {
    const [group, version] = text.split('/') as [string, string]
    return { group, version, kind: gvk.kind }
  })
}

function describeUnion({ discriminator, members }: NonNullable<SchemaType['union']>): JSONObject {
  const names = members.map((name) => [name, `${name[0]!.toUpperCase()}${name.slice(1)}`])
  return {
    ...(discriminator ? { discriminator } : {}),
    'fields-to-discriminateBy': Object.fromEntries(names),
  }
}

function describeField(field: Field, description: string | undefined): JSONObject {
  return {
    ...describeFieldType(field.type),
    ...withoutUndefined({
      description,
      default: field.default,
      enum: field.enum && [...field.enum],
      'x-kubernetes-list-type': field.listType,
      'x-kubernetes-list-map-keys': field.listMapKeys && [...field.listMapKeys],
      'x-kubernetes-map-type': field.mapType,
      'x-kubernetes-patch-strategy': field.patchStrategy?.join(','),
      'x-kubernetes-patch-merge-key': field.patchMergeKey,
    }),
  }
}

const withoutUndefined = (object: Readonly<Record<string, JSONValue | undefined>>): JSONObject =>
  Object.fromEntries(
    Object.entries(object).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )

/** A reference stands in allOf, since nothing may stand beside it. */
function describeFieldType({ shape, of }: FieldType): JSONObject {
  const one: JSONObject = plain[of] ?? { allOf: [referTo(of)] }
  if (shape === 'list') return { type: 'array', items: one }
  if (shape === 'map') return { type: 'object', additionalProperties: one }
  return isStruct(of) || named[of] ? one : { ...one }
}
