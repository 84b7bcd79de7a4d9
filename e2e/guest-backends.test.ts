import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInGuest } from './support/guest.ts'

const TESTS = 'src/daemons/testing/backends.guest.ts'

test('backends wireguard and ipip, on a kernel that has both', () => {
  // In one process: emulated, and beside other tests, it takes seconds to start one.
  const { status, output } = runInGuest(`bin/fairlead-node --test-force-exit ${TESTS}`, {
    timeoutSeconds: 590,
    modules: ['veth', 'bridge', 'wireguard', 'ipip', 'nf_tables', 'nft_chain_nat', 'nft_masq'],
    env: { FAIRLEAD_TIME_FACTOR: '10', NO_COLOR: '1' },
  })
  assert.equal(status, 0, output)
  for (const name of [
    ...['ipip', 'wireguard', 'ipip over routed'],
    ...['wireguard, separate, over routed', 'wireguard, ipv6, over routed'],
  ])
    assert.ok(output.includes(`✔ ${name} (`), output)
})
