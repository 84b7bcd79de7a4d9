import type { JSONObject, JSONValue } from '../json.ts'
import {
  type Field,
  type FieldType,
  isStruct,
  type SchemaType,
  schemaType,
} from '../schema/schema.ts'

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1'

/** Scalars that have a name of their own in upstream's documents. */
const named: Readonly<Record<string, readonly [string, JSONObject]>> = {
  Time: [`${meta}.Time`, { type: 'string', format: 'date-time' }],
  MicroTime: [`${meta}.MicroTime`, { type: 'string', format: 'date-time' }],
  FieldsV1: [`${meta}.FieldsV1`, { type: 'object' }],
  Quantity: [
    'io.k8s.apimachinery.pkg.api.resource.Quantity',
    { oneOf: [{ type: 'string' }, { type: 'number' }] },
  ],
  IntOrString: [
    'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  ],
  RawExtension: ['io.k8s.apimachinery.pkg.runtime.RawExtension', { type: 'object' }],
}

const plain: Readonly<Record<string, JSONObject>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
}

/** `io.k8s.api.core.v1.Pod` of `core.v1.Pod`. */
function componentName(of: string): string {
  const scalar = named[of]
  if (scalar) return scalar[0]
  return of.startsWith('meta.') ? `io.k8s.apimachinery.pkg.apis.${of}` : `io.k8s.api.${of}`
}

export const referTo = (of: string): JSONObject => ({
  $ref: `#/components/schemas/${componentName(of)}`,
})

/** Schemas of these types and of all that they reach. */
export function planComponentSchemas(roots: readonly string[]): JSONObject {
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
    schemas.set(name, describeType(type))
    queue.push(...[...type.json.values()].map((field) => field.type.of))
  }
  return Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function describeType({ json, gvk }: SchemaType): JSONObject {
  const fields = [...json.values()]
  const required = fields.filter((field) => field.required).map(({ name }) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map((field) => [field.name, describeField(field)])),
    ...(required.length > 0 ? { required } : {}),
    ...(gvk ? { 'x-kubernetes-group-version-kind': [{ ...gvk }] } : {}),
  }
}

function describeField(field: Field): JSONObject {
  const extensions: readonly (readonly [string, JSONValue | undefined])[] = [
    ['enum', field.enum ? [...field.enum] : undefined],
    ['x-kubernetes-list-type', field.listType],
    ['x-kubernetes-list-map-keys', field.listMapKeys ? [...field.listMapKeys] : undefined],
    ['x-kubernetes-map-type', field.mapType],
    ['x-kubernetes-patch-strategy', field.patchStrategy?.join(',')],
    ['x-kubernetes-patch-merge-key', field.patchMergeKey],
  ]
  return {
    ...describeFieldType(field.type),
    ...Object.fromEntries(
      extensions.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    ),
  }
}

/** A reference stands in allOf, since nothing may stand beside it. */
function describeFieldType({ shape, of }: FieldType): JSONObject {
  const one: JSONObject = plain[of] ?? { allOf: [referTo(of)] }
  if (shape === 'list') return { type: 'array', items: one }
  if (shape === 'map') return { type: 'object', additionalProperties: one }
  return isStruct(of) || named[of] ? one : { ...one }
}
