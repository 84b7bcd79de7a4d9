import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseWithoutManagedFields } from './omit-managed-fields.ts'

/** As kube-apiserver writes it (facts/control-plane.md 1): keys with quotes, brackets and backslashes in them. */
const ENTRY = {
  manager: 'kubectl "edit" ]} \\',
  operation: 'Update',
  fieldsV1: { 'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {} } } } },
}

suite('parseWithoutManagedFields()', () => {
  const cases = [
    { name: 'an item’s own', item: { metadata: { name: 'a', managedFields: [ENTRY, ENTRY] } } },
    { name: 'an empty one', item: { metadata: { managedFields: [], name: 'a' } } },
    { name: 'none', item: { metadata: { name: 'a' }, spec: {} } },
    { name: 'none, and a text of that name', item: { metadata: {}, data: { managedFields: 'x' } } },
    { name: 'not a template’s', item: { metadata: {}, spec: { managedFields: [ENTRY] } } },
    {
      name: 'its own, not a template’s',
      item: {
        metadata: { managedFields: [ENTRY] },
        spec: { template: { metadata: { managedFields: [ENTRY] } } },
      },
    },
    { name: 'not a longer name’s', item: { metadata: { '\\"managedFields': [ENTRY] } } },
    { name: 'one that holds arrays', item: { metadata: { managedFields: [{ a: [1] }] } } },
  ]
  for (const { name, item } of cases)
    test(`takes ${name}`, () => assert.deepEqual(...bothWays({ items: [item] })))

  test('takes what has no items, as an empty list is sent', () => {
    const list = { kind: 'PodList', metadata: { resourceVersion: '3' } }
    const empty = { ...list, items: undefined }
    assert.deepEqual(parseWithoutManagedFields(JSON.stringify({ ...list, items: null })), empty)
  })

  test('refuses what is not JSON', () => {
    for (const text of ['<html>', '{"items":[{"metadata":{"managedFields":["']) {
      assert.throws(() => parseWithoutManagedFields(text), SyntaxError)
    }
  })

  test('gives whatever a list holds as JSON.parse() does', () => {
    const key = fc.constantFrom('managedFields', 'a', '"managedFields', '\\')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'xsmall' },
        fc.string({
          unit: fc.constantFrom('"', '\\', '[', ']', ':', 'managedFields'),
          size: 'xsmall',
        }),
        fc.constantFrom(0, null, true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value')),
      ),
    }))
    const item = fc.record({ metadata: fc.dictionary(key, value), spec: value })
    const check = (items: readonly { readonly metadata: object }[]) =>
      assert.deepEqual(...bothWays({ items }))
    fc.assert(fc.property(fc.array(item, { maxLength: 3 }), check))
  })
})

/** What it makes of a list, and what JSON.parse() does once the items' own are gone. */
function bothWays(list: {
  readonly items: readonly { readonly metadata: object }[]
}): [unknown, unknown] {
  const text = JSON.stringify(list)
  const items = list.items.map(({ metadata, ...rest }) => {
    const { managedFields: _, ...own } = metadata as { readonly managedFields?: unknown }
    return { metadata: own, ...rest }
  })
  return [parseWithoutManagedFields(text), JSON.parse(JSON.stringify({ ...list, items }))]
}
