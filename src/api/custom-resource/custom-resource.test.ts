/**
 * What upstream's own packages answer to these values and definitions: testdata/*.jsonl were printed by a program of
 * theirs, k8s.io/apiextensions-apiserver v0.36.0 (pruning.PruneWithOptions, defaulting.Default,
 * validation.ValidateCustomResource and ValidateCustomResourceUpdate, objectmeta.Validate,
 * listtype.ValidateListSetsAndMaps, validation.ValidateCustomResourceDefinition and its like for updates). Their order
 * is that of Go's maps, so errors are compared sorted.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { type FieldError, formatFieldErrorBody } from '../field-error.ts'
import type { JSONObject } from '../json.ts'
import { customResourceDefinition } from '../kinds/custom-resource-definition.ts'
import { customResourceDefinitions } from '../resources.ts'
import { checkFields } from '../schema/check-fields.ts'
import { applyDefaults } from './defaults.ts'
import type { CustomResourceDefinition } from './definition.ts'
import { validateEmbedded } from './embedded-resource.ts'
import type { JSONSchema } from './json-schema.ts'
import { checkListTypes } from './list-types.ts'
import { pruneResource } from './prune.ts'
import { validateValue } from './validate.ts'

function readLines<T>(name: string): T[] {
  const text = readFileSync(new URL(`./testdata/${name}`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const texts = (errors: readonly FieldError[]) =>
  errors.map((error) => `${error.field}: ${formatFieldErrorBody(error)}`).toSorted()

interface ValueCase {
  readonly name: string
  readonly value: JSONObject
  readonly old?: JSONObject
  readonly unknown: readonly string[]
  readonly want: JSONObject
  readonly errors: readonly string[]
}

suite('a structural schema', () => {
  const [first, ...cases] = readLines<ValueCase & { readonly schema: JSONSchema }>('values.jsonl')
  const { schema } = first!
  for (const { name, value, old, unknown, want, errors } of cases) {
    test(name, () => {
      const found: string[] = []
      const defaulted = applyDefaults(value, schema) as JSONObject
      const pruned = pruneResource(defaulted, schema, found)
      assert.deepEqual(pruned, want)
      assert.deepEqual(found.toSorted(), unknown)
      const all = [
        ...validateValue(pruned, schema, '', old),
        ...validateEmbedded(pruned, schema),
        ...checkListTypes(pruned, schema),
      ]
      assert.deepEqual(texts(all), errors)
    })
  }
})

interface DefinitionCase {
  readonly name: string
  readonly definition: JSONObject
  readonly old?: JSONObject
  readonly errors: readonly string[]
}

suite('a definition', () => {
  const read = (object: JSONObject) => {
    const checked = checkFields(customResourceDefinitions, object).object
    return customResourceDefinition.default(checked as unknown as CustomResourceDefinition)
  }
  for (const { name, definition, old, errors } of readLines<DefinitionCase>('definitions.jsonl')) {
    test(name, () => {
      const object = read(definition)
      const status = definition.status
        ? object.status!
        : customResourceDefinition.prepareCreate(object).status!
      const found = old
        ? customResourceDefinition.validateUpdate({ ...object, status }, read(old))
        : customResourceDefinition.validate({ ...object, status })
      assert.deepEqual(texts(found), errors)
    })
  }
})
