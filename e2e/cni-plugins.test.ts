import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInGuest } from './support/guest.ts'

// What the kernel at hand may not have: ipvlan, 802.1Q, dummy and VRF links, and bridges that filter by VLAN. One boot for all.
test('in a guest: ipvlan, vlan, dummy, vrf, and bridge with VLANs, by packets and beside the reference', () => {
  const files = 'e2e/guest/cni-plugins.ts e2e/guest/bridge-vlan.ts'
  const command = `bin/fairlead-node --test --test-concurrency=1 ${files}`
  const { status, output } = runInGuest(command, { timeoutSeconds: 590 })
  assert.equal(status, 0, output)
  assert.match(output, /ℹ pass 16\b/)
})
