import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROXY_MODES } from '#cluster/options.ts'
import { BUILT_MODES } from '#service-network/proxy/modes.ts'

test('the proxy modes that `up` takes are those that are built', () => {
  assert.deepEqual(PROXY_MODES.toSorted(), BUILT_MODES.toSorted())
})
