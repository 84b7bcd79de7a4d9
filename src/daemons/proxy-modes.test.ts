import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROXY_MODES as ACCEPTED } from '#cluster/options.ts'
import { PROXY_MODES } from '#service-network/proxy/mode.ts'

test('`up` takes the modes that the proxy has', () => {
  assert.deepEqual(ACCEPTED.toSorted(), PROXY_MODES.toSorted())
})
