/**
 * The table of all types that the API knows: what field checks, patches, OpenAPI and the protobuf codec follow from.
 *
 * fields.txt holds a block a type: its name (`core.v1.ServicePort`), for kinds `group/version/Kind`, and words: `map=`
 * (server-side apply), `union=` (the field that tells which of the others is set, if there is one, and those); then a
 * field a line: name, type, protobuf number (0: none), and words:
 * `required`; `pointer` (Go tells zero from absence); `kept` (JSON has it though it is zero: no omitempty); `omitempty` (JSON leaves it out though it is required); `inline` (an embedded struct: JSON shows its fields in the
 * parent, protobuf nests them); `gated` (behind a feature gate: only the codec knows it); `enum=`; `go=` (Go's name
 * of a named string type); `default=` (JSON: what the field holds when nobody set it); `list=`, `keys=`, `map=` (server-side apply); `strategy=`, `merge=` (strategic merge).
 * It is read at first use, and a type is parsed when it is first asked for.
 */
import { readFileSync } from 'node:fs'
import type { JSONValue } from '../json.ts'

export interface FieldType {
  readonly shape: 'one' | 'list' | 'map'
  /**
   * A type's name, or `string bool int32 int64 double bytes Time MicroTime Quantity IntOrString RawExtension FieldsV1`,
   * or of JSON schemas `JSON`, `JSONSchemaPropsOrBool`, `JSONSchemaPropsOrArray`, `JSONSchemaPropsOrStringArray`, or `[]string`: a list of
   * strings as the value of a map.
   */
  readonly of: string
}

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly number: number
  readonly required: boolean
  readonly pointer: boolean
  /** JSON has it though it holds nothing. */
  readonly kept: boolean
  readonly inline: boolean
  readonly gated: boolean
  readonly enum?: readonly string[]
  readonly goType?: string
  /** What the field holds when nobody set it. Defaults that depend on other fields are code, in ../kinds. */
  readonly default?: JSONValue
  readonly listType?: 'atomic' | 'set' | 'map'
  readonly listMapKeys?: readonly string[]
  readonly mapType?: 'atomic'
  readonly patchStrategy?: readonly string[]
  readonly patchMergeKey?: string
}

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface SchemaType {
  readonly name: string
  readonly gvk?: GroupVersionKind
  /** Server-side apply takes its values as a whole. */
  readonly mapType?: 'atomic'
  readonly union?: { readonly discriminator?: string; readonly members: readonly string[] }
  /** As Go and protobuf have them, in order of their numbers. */
  readonly fields: readonly Field[]
  /** As JSON has them: embedded fields flattened, gated ones left out. */
  readonly json: ReadonlyMap<string, Field>
}

interface Table {
  readonly blocks: ReadonlyMap<string, string>
  /** `apps/v1/Deployment` → `apps.v1.Deployment` */
  readonly kinds: ReadonlyMap<string, string>
}

let table: Table | undefined
const parsed = new Map<string, SchemaType>()

function loadTable(): Table {
  if (table) return table
  const text = readFileSync(new URL('./fields.txt', import.meta.url), 'utf8')
  const blocks = new Map<string, string>()
  const kinds = new Map<string, string>()
  for (const block of text.split(/\n(?=[^ \n])/).slice(1)) {
    const [name, gvk] = block.split('\n', 1)[0]!.split(' ')
    blocks.set(name!, block)
    if (gvk?.includes('/')) kinds.set(gvk, name!)
  }
  table = { blocks, kinds }
  return table
}

/** Names of all types, sorted. */
export function schemaTypeNames(): readonly string[] {
  return [...loadTable().blocks.keys()]
}

/** @throws where the table has no such type, which only its generator can cause. */
export function schemaType(name: string): SchemaType {
  let type = parsed.get(name)
  if (type) return type
  const block = loadTable().blocks.get(name)
  if (!block) throw new Error(`Cannot read schema type ${name}: the table does not have it`)
  type = parseBlock(block.trimEnd())
  parsed.set(name, type)
  return type
}

/** The type of a kind. DeleteOptions and its like belong to every group. */
export function schemaTypeOf({ group, version, kind }: GroupVersionKind): SchemaType | undefined {
  const { blocks, kinds } = loadTable()
  const name = kinds.get(`${group}/${version}/${kind}`)
  if (name) return schemaType(name)
  return blocks.has(`meta.v1.${kind}`) && /Options$|^Status$/.test(kind)
    ? schemaType(`meta.v1.${kind}`)
    : undefined
}

/** Whether `name` is a struct, not a scalar. */
export function isStruct(name: string): boolean {
  return name.includes('.')
}

/** The type that these of apiextensions.k8s.io hold, or something simpler in its place. */
export const JSON_SCHEMA = 'apiextensions.v1.JSONSchemaProps'

/** Whether `name` is a JSON schema or something simpler in its place. */
export function isSchemaOr(name: string): boolean {
  return name.startsWith('JSONSchemaPropsOr')
}

function parseBlock(block: string): SchemaType {
  const [head, ...lines] = block.split('\n')
  const [name, ...words] = head!.split(' ')
  const fields = lines.map(parseField)
  const [group, version, kind] = words.find((word) => word.includes('/'))?.split('/') ?? []
  const union = words.find((word) => word.startsWith('union='))?.slice('union='.length)
  const [discriminator = '', ...members] = union?.split(',') ?? []
  return {
    name: name!,
    ...(kind ? { gvk: { group: group!, version: version!, kind } } : {}),
    ...(words.includes('map=atomic') ? { mapType: 'atomic' } : {}),
    ...(union ? { union: { members, ...(discriminator ? { discriminator } : {}) } } : {}),
    fields,
    json: new Map(flatten(fields).map((field) => [field.name, field])),
  }
}

function flatten(fields: readonly Field[]): Field[] {
  return fields.flatMap((field) => {
    if (field.inline) return [...schemaType(field.type.of).json.values()]
    return field.gated ? [] : [field]
  })
}

function parseField(line: string): Field {
  const [name, type, number, ...words] = line.slice(1).split(' ')
  const value = (key: string) =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1)
  const list = (key: string) => value(key)?.split(',')
  const optional = {
    enum: list('enum'),
    goType: value('go'),
    default: parseDefault(value('default')),
    listType: value('list') as Field['listType'],
    listMapKeys: list('keys'),
    mapType: value('map') as Field['mapType'],
    patchStrategy: list('strategy'),
    patchMergeKey: value('merge'),
  }
  return {
    name: name!,
    type: parseType(type!),
    number: Number(number),
    required: words.includes('required'),
    pointer: words.includes('pointer'),
    kept: words.includes('kept') || (words.includes('required') && !words.includes('omitempty')),
    inline: words.includes('inline'),
    gated: words.includes('gated'),
    ...(Object.fromEntries(
      Object.entries(optional).filter(([, present]) => present !== undefined),
    ) as Partial<Field>),
  }
}

const parseDefault = (text: string | undefined): JSONValue | undefined =>
  text === undefined ? undefined : JSON.parse(text)

function parseType(text: string): FieldType {
  if (text.startsWith('[]')) return { shape: 'list', of: text.slice(2) }
  if (text.startsWith('map:')) return { shape: 'map', of: text.slice(4) }
  return { shape: 'one', of: text }
}
