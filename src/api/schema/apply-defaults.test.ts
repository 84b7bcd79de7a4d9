import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { equalJSON, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { applyDefaults } from './apply-defaults.ts'
import { checkFields } from './check-fields.ts'
import {
  type Field,
  isStruct,
  type SchemaType,
  schemaType,
  schemaTypeNames,
  schemaTypeOf,
} from './schema.ts'

// testdata/defaults.jsonl: an object as sent, and as it is after the defaulting functions of its kind.
// Source: kubernetes v1.36.0, pkg/apis/<group>/<version>/defaults.go and zz_generated.defaults.go.
const rows = readFileSync(new URL('./testdata/defaults.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { readonly sent: JSONObject; readonly defaulted: JSONObject })

/** Defaults that depend on other fields, which are the kinds' own; and zeros that Go prints. */
const notOfTheSchema = [
  /\.imagePullPolicy$/,
  /^Pod\.spec\.enableServiceLinks$/,
  /^Service\.spec\.(ports\[0\]\.targetPort|internalTrafficPolicy)$/,
  /^Namespace\.metadata\.labels/,
  /^StatefulSet\.spec\.(serviceName|updateStrategy\.type)$/,
  /^Job\.spec\.(parallelism|completions|backoffLimit|podReplacementPolicy)$/,
  /^Job\.spec\.(manualSelector|completionMode|suspend)$/,
  /^HorizontalPodAutoscaler\.spec\.metrics/,
]

/** Path and text of everything in a value that is no object and no list. */
function leavesOf(value: JSONValue, at: string): (readonly [string, JSONValue])[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item, index) => leavesOf(item, `${at}[${index}]`))
  }
  if (typeof value !== 'object' || value === null) return [[at, value]]
  return Object.entries(value).flatMap(([key, item]) => leavesOf(item, `${at}.${key}`))
}

function gvkOf({ apiVersion, kind }: JSONObject) {
  const [version = '', group = ''] = (apiVersion as string).split('/').reverse()
  return { group, version, kind: kind as string }
}

/** The fields whose default stands in what Go printed. */
function collectDefaults(type: SchemaType, object: JSONObject, into: Set<Field>): void {
  for (const [key, value] of Object.entries(object)) {
    const field = type.json.get(key)!
    const { default: fallback, type: of } = field
    const isFilled = isJSONObject(fallback) ? isJSONObject(value) : equalJSON(value, fallback)
    if (fallback !== undefined && isFilled) into.add(field)
    for (const item of Array.isArray(value) ? value : [value]) {
      if (isStruct(of.of) && isJSONObject(item)) collectDefaults(schemaType(of.of), item, into)
    }
  }
}

suite('applyDefaults() fills in what Go does', () => {
  for (const { sent, defaulted } of rows) {
    const kind = sent.kind as string
    test(`${kind}: ${JSON.stringify(sent.spec ?? sent).slice(0, 60)}`, () => {
      const { object } = checkFields(gvkOf(sent), sent)
      const filled = applyDefaults(schemaTypeOf(gvkOf(sent))!, object)
      const wanted = leavesOf(defaulted, kind).filter(
        ([path, value]) =>
          !notOfTheSchema.some((pattern) => pattern.test(path)) &&
          !(/\.status\.|\.boundObjectRef$/.test(path) && !value),
      )
      assert.deepEqual(new Map(leavesOf(filled, kind)), new Map(wanted))
    })
  }

  test('and covers every default of the table', () => {
    const printed = new Set<Field>()
    for (const { defaulted } of rows) {
      collectDefaults(schemaTypeOf(gvkOf(defaulted))!, defaulted, printed)
    }
    for (const name of schemaTypeNames()) {
      if (name === 'core.v1.LocalObjectReference') continue // a key of lists, and no more
      for (const field of schemaType(name).fields) {
        if (field.default !== undefined) assert.ok(printed.has(field), `${name} ${field.name}`)
      }
    }
  })
})

suite('applyDefaults()', () => {
  const type = schemaType('core.v1.Service')
  test('changes nothing and copies nothing where nothing is missing', () => {
    const full = applyDefaults(type, { metadata: { name: 'a' }, spec: { ports: [{ port: 1 }] } })
    assert.equal(applyDefaults(type, full), full)
  })
  test('leaves its argument alone', () => {
    const object = Object.freeze({ spec: Object.freeze({ ports: Object.freeze([{ port: 1 }]) }) })
    applyDefaults(type, object)
    assert.deepEqual(object, { spec: { ports: [{ port: 1 }] } })
  })
  test('hands out values that nobody shares', () => {
    const [a, b] = [1, 2].map(() => applyDefaults(schemaType('core.v1.PodSpec'), {}) as JSONObject)
    assert.notEqual(a!.securityContext, b!.securityContext)
  })
})
