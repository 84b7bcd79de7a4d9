import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import { loadDescriptions } from './descriptions.ts'
import { isStruct, schemaType, schemaTypeNames } from './schema.ts'

const maxLength = 300
/** So many words in a row are no coincidence. */
const maxRun = 8
const shared = process.env.FAIRLEAD_SHARED ?? resolve(import.meta.dirname, '../../../../shared')
const official = resolve(shared, 'data/kubernetes-openapi-v2.json')

/** Types that clients can see: kinds, options, and what they reach by JSON. */
function visibleTypes(): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (name: string) => {
    if (seen.has(name)) return
    seen.add(name)
    for (const { type } of schemaType(name).json.values()) if (isStruct(type.of)) visit(type.of)
  }
  const isRoot = (name: string) =>
    schemaType(name).gvk || /^meta\.v1\..*(Options|Status)$/.test(name)
  for (const name of schemaTypeNames()) if (isRoot(name)) visit(name)
  return seen
}

const words = (text: string) => text.toLowerCase().match(/[a-z0-9]+/g) ?? []
const runsOf = (text: string) => {
  const all = words(text)
  return all.slice(maxRun - 1).map((_, index) => all.slice(index, index + maxRun).join(' '))
}

suite('descriptions', () => {
  const descriptions = loadDescriptions()
  const visible = visibleTypes()
  const embedded = new Set(
    schemaTypeNames().flatMap((name) =>
      schemaType(name).fields.flatMap(({ inline, type }) => (inline ? [type.of] : [])),
    ),
  )

  test('are there for every type and field that clients see', () => {
    const missing: string[] = []
    for (const name of visible) {
      const type = schemaType(name)
      if (!descriptions.ofType(type)) missing.push(name)
      for (const field of type.json.keys()) {
        if (!descriptions.ofField(type, field)) missing.push(`${name} ${field}`)
      }
    }
    assert.deepEqual(missing, [])
    assert.ok(visible.size > 400, `only ${visible.size} types`)
  })

  test('are for types and fields that there are', () => {
    const stray = [...descriptions.blocks].flatMap(([name, { fields }]) =>
      visible.has(name) || embedded.has(name)
        ? [...fields.keys()].filter((field) => !schemaType(name).json.has(field))
        : [name],
    )
    assert.deepEqual(stray, [])
  })

  test(`are sentences of at most ${maxLength} characters`, () => {
    const texts = [...descriptions.blocks.values()].flatMap(({ text, fields }) => [
      text,
      ...fields.values(),
    ])
    assert.deepEqual(
      texts.filter((text) => text.length > maxLength || !/^[A-Z0-9'].*\.$/.test(text)),
      [],
    )
  })

  test('are in our own words', { skip: !existsSync(official) && missingData() }, () => {
    const runs = new Set<string>()
    JSON.parse(readFileSync(official, 'utf8'), (key, value) => {
      if (key === 'description' && typeof value === 'string')
        for (const run of runsOf(value)) runs.add(run)
      return value
    })
    assert.ok(runs.size > 1000)
    const copied = [...descriptions.blocks].flatMap(([name, { text, fields }]) =>
      [text, ...fields.values()]
        .flatMap(runsOf)
        .filter((run) => runs.has(run))
        .map((run) => [name, run]),
    )
    assert.deepEqual(copied, [])
  })
})

function missingData(): string {
  const message = `NOT COMPARED with the official words: ${official} is not there (FAIRLEAD_SHARED)`
  console.error(message)
  return message
}
