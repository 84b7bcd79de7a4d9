import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInGuest } from './support/guest.ts'

test('backends wireguard and ipip, on a kernel that has both', () => {
  const command = 'bin/fairlead-node --test src/pod-network/testing/guest-backends.ts'
  const { status, output } = runInGuest(command, { timeoutSeconds: 300 })
  assert.equal(status, 0, output)
  assert.match(output, /pass 2\b/, output)
})
