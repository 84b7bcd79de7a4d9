/**
 * What upstream's own packages answer: testdata/rule-*.jsonl were printed by a program of theirs,
 * k8s.io/apiextensions-apiserver v0.36.0 (validation.ValidateCustomResourceDefinition and its like for updates;
 * schema/cel.NewValidator and Validate, with ratcheting where there is an old object). Their order is that of Go's
 * maps, so errors are compared sorted. Cases named "documentation" are those of the table in "Extend the Kubernetes API with
 * CustomResourceDefinitions", Validation rules. Upstream gives the type of `self` another name each time; here it is `selfType`.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { formatFieldError } from '../../field-error.ts'
import type { JSONObject } from '../../json.ts'
import { customResourceDefinition } from '../../kinds/custom-resource-definition.ts'
import type { RuleFindings } from '../../kinds/kind-spec.ts'
import { customResourceDefinitions } from '../../resources.ts'
import { checkFields } from '../../schema/check-fields.ts'
import type { CustomResourceDefinition } from '../definition.ts'
import type { JSONSchema } from '../json-schema.ts'
import { enforceRules } from './enforce.ts'

function readLines<T>(name: string): T[] {
  const text = readFileSync(new URL(`../testdata/${name}`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

interface ObjectCase {
  readonly name: string
  readonly schema: JSONSchema
  readonly object: JSONObject
  readonly old?: JSONObject
  readonly errors: readonly string[]
}

const enforce = (schema: JSONSchema, object: JSONObject, old?: JSONObject): Promise<RuleFindings> =>
  enforceRules(schema)(object as never, old as never, [])

suite('an object and the rules of its kind', () => {
  for (const { name, schema, object, old, errors } of readLines<ObjectCase>('rule-objects.jsonl')) {
    test(name, async () => {
      const found = await enforce(schema, object, old)
      assert.deepEqual(found.errors.map(formatFieldError).toSorted(), errors)
    })
  }
})

interface DefinitionCase {
  readonly name: string
  readonly crd: JSONObject
  readonly old?: JSONObject
  readonly errors: readonly string[]
}

suite('the rules of a definition', () => {
  const read = (object: JSONObject) => {
    const checked = checkFields(customResourceDefinitions, object).object
    return customResourceDefinition.default(checked as unknown as CustomResourceDefinition)
  }
  for (const { name, crd, old, errors } of readLines<DefinitionCase>('rule-definitions.jsonl')) {
    test(name, async () => {
      const { validate, validateUpdate, prepareCreate, checkRules } = customResourceDefinition
      const object = read(crd)
      const whole = old ? object : prepareCreate(object)
      const before = old && read(old)
      const first = before ? validateUpdate(whole, before) : validate(whole)
      const second = await checkRules!(whole, before, first)
      const found = [...first, ...second.errors].map(formatFieldError)
      assert.deepEqual(found.toSorted(), errors)
    })
  }
})

const rule = (text: string, more: object = {}) => ({ rule: text, ...more })
const int = { type: 'integer' } as const

test('what was broken before an update is said, and stays', async () => {
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: { a: int },
        'x-kubernetes-validations': [rule('self.a > 1')],
      },
      more: int,
    },
  }
  const found = await enforce(schema, { spec: { a: 0 }, more: 2 }, { spec: { a: 0 }, more: 1 })
  // schema/cel/validation.go, addErr
  assert.deepEqual(found, {
    errors: [],
    warnings: ['spec: Invalid value: failed rule: self.a > 1'],
  })
})

test('rules are not asked of what is too wrong to be trusted', async () => {
  const schema = { ...int, 'x-kubernetes-validations': [rule('self > 1')] }
  const errors = [{ type: 'Required', field: 'spec', detail: '' }] as const
  const found = await enforceRules(schema)({} as never, undefined, errors)
  // registry/customresource/strategy.go, hasBlockingErr
  assert.deepEqual(found.errors.map(formatFieldError), [
    '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  ])
})
