import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { suite, test } from 'node:test'
import { schemaType } from '#api/schema/schema.ts'
import { renderTypes } from './render-types.ts'
import { always, nullable, sometimes } from './type-facts.ts'

suite('src/api/types', () => {
  test('is what tools/generate-types.ts makes of the schema', () => {
    const directory = resolve(import.meta.dirname, '../src/api/types')
    const files = readdirSync(directory).sort()
    const rendered = renderTypes()
    assert.deepEqual(files, [...rendered.keys()].sort())
    for (const name of files) {
      const text = readFileSync(resolve(directory, name), 'utf8')
      assert.ok(text === rendered.get(name), `${name} is old: run tools/generate-types.ts`)
    }
  })

  test('has facts about fields only that there are', () => {
    for (const key of [...always, ...sometimes, ...nullable]) {
      const [type, field] = key.split(' ')
      assert.ok(schemaType(type!).json.has(field!), key)
    }
  })
})
