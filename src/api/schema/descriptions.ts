/**
 * What types and fields mean, in descriptions/*.txt: a block a type: its name, perhaps `like=` another type whose
 * words it shares, and a sentence; then a field a line. What is the same everywhere follows from a rule here.
 * Read anew whenever OpenAPI is built, and forgotten after: nothing else needs it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { SchemaType } from './schema.ts'
import { schemaType } from './schema.ts'

export interface Descriptions {
  ofType(type: SchemaType): string | undefined
  /** By the field's JSON name. */
  ofField(type: SchemaType, field: string): string | undefined
  /** Type names and fields as written: what a check compares with the table. */
  readonly blocks: ReadonlyMap<string, DescriptionBlock>
}

export interface DescriptionBlock {
  readonly text: string
  readonly like?: string
  readonly fields: ReadonlyMap<string, string>
}

const ofKinds: Readonly<Record<string, string>> = {
  apiVersion: 'API group and version of this object, as in apps/v1; v1 alone for the core group.',
  kind: 'Kind of this object, as in Service. Never changes.',
  metadata: 'Name, labels and whatever else all objects have.',
}
const ofLists: Readonly<Record<string, string>> = {
  ...ofKinds,
  kind: 'Kind of this list.',
  metadata: 'Revision of this list, and how it goes on.',
  items: 'The objects.',
}
const ofConditions: Readonly<Record<string, string>> = {
  type: 'Name of the aspect, as one CamelCase word.',
  status: 'Whether it holds: True, False or Unknown.',
  reason: 'Why, in one CamelCase word.',
  message: 'Why, for people.',
  lastTransitionTime: 'When status changed last.',
  observedGeneration: 'Generation of the object that this condition is about.',
}

export function loadDescriptions(): Descriptions {
  const blocks = readBlocks()
  return {
    blocks,
    ofType: ({ name }) => blocks.get(name)?.text ?? describeList(name),
    ofField: (type, field) => find(blocks, type, field) ?? byRule(type, field),
  }
}

function readBlocks(): ReadonlyMap<string, DescriptionBlock> {
  const directory = new URL('./descriptions/', import.meta.url)
  const texts = readdirSync(directory).map((name) => readFileSync(new URL(name, directory), 'utf8'))
  return new Map(texts.flatMap((text) => text.trimEnd().split(/\n(?=[^ ])/)).map(parseBlock))
}

function parseBlock(block: string): [string, DescriptionBlock] {
  const [head, ...lines] = block.split('\n')
  const [, name, like, text] = /^(\S+) (?:like=(\S+) )?(.*)$/.exec(head!)!
  const fields = new Map(lines.map((line) => splitOnce(line.slice(1))))
  return [name!, { text: text!, fields, ...(like ? { like } : {}) }]
}

function splitOnce(line: string): [string, string] {
  const at = line.indexOf(' ')
  return [line.slice(0, at), line.slice(at + 1)]
}

function find(
  blocks: ReadonlyMap<string, DescriptionBlock>,
  type: SchemaType,
  field: string,
): string | undefined {
  const block = blocks.get(type.name)
  const own = block?.fields.get(field)
  if (own !== undefined) return own
  if (block?.like) {
    const shared = find(blocks, schemaType(block.like), field)
    if (shared !== undefined) return shared
  }
  // JSON shows the fields of an embedded struct in its parent.
  for (const { inline, type: embedded } of type.fields) {
    const inner = inline ? find(blocks, schemaType(embedded.of), field) : undefined
    if (inner !== undefined) return inner
  }
  return undefined
}

function byRule({ name, gvk }: SchemaType, field: string): string | undefined {
  if (name.endsWith('Condition')) return ofConditions[field]
  if (gvk?.kind.endsWith('List')) return ofLists[field]
  return gvk || /^meta\.v1\.(Status|.*Options)$/.test(name) ? ofKinds[field] : undefined
}

const describeList = (name: string): string | undefined =>
  name.endsWith('List')
    ? `A list of ${name.slice(name.lastIndexOf('.') + 1, -4)} objects.`
    : undefined
