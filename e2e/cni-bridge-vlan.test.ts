import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInGuest } from './support/guest.ts'

// What the kernel at hand may not have: bridges that filter by VLAN. One boot for all.
test('in a guest: bridge with VLANs, by packets and beside the reference', () => {
  const { status, output } = runInGuest('bin/fairlead-node --test e2e/guest/bridge-vlan.ts', {
    timeoutSeconds: 400,
  })
  assert.equal(status, 0, output)
  assert.match(output, /ℹ pass 6\b/)
})
