import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldSet, thisField } from './field-set.ts'
import { formatManagedFields, managedFieldsText } from './managed-fields.ts'

const fields = fieldSet(false, [
  ['f:spec', fieldSet(true, [['k:{"name":"a"}', thisField]])],
  ['v:"ä"', thisField],
])
const manager = { name: 'm', operation: 'Update', apiVersion: 'v1' } as const
const time = '2026-11-21T00:00:00Z'

// What JSON.stringify() writes: entries are compared as texts, so the order of their members counts.
test('managedFieldsText() writes entries as they are', () => {
  const made = formatManagedFields([
    { manager, fields, time },
    { manager: { ...manager, subresource: 'status' }, fields },
  ])
  const read = JSON.parse(JSON.stringify(made))
  for (const entries of [made, read, [{ fieldsV1: {} }], [{}], [{ manager: 'm' }], []])
    assert.equal(managedFieldsText(entries), JSON.stringify(entries))
})
