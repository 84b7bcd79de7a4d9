import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInGuest } from './support/guest.ts'

// What the kernel at hand may not have: ipvlan, 802.1Q, dummy and VRF links are modules of Debian's kernel. One boot for all.
test('in a guest: ipvlan, vlan, dummy and vrf, by packets and beside the reference', () => {
  const { status, output } = runInGuest('bin/fairlead-node --test e2e/guest/cni-plugins.ts', {
    timeoutSeconds: 400,
  })
  assert.equal(status, 0, output)
  assert.match(output, /ℹ pass 10\b/)
})
