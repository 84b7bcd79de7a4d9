import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInGuest } from './support/guest.ts'

const FILES = ['src/pod-network/testing/guest-backends.ts', 'src/daemons/testing/guest-matrix.ts']

test('backends wireguard and ipip, on a kernel that has both', () => {
  const { status, output } = runInGuest(`bin/fairlead-node --test ${FILES.join(' ')}`, {
    timeoutSeconds: 590,
    modules: ['veth', 'bridge', 'wireguard', 'ipip', 'nf_tables', 'nft_chain_nat', 'nft_masq'],
    env: { FAIRLEAD_TIME_FACTOR: '10', NO_COLOR: '1' },
  })
  assert.equal(status, 0, output)
  for (const name of ['ipip', 'wireguard', 'ipip over routed', 'wireguard over routed'])
    assert.ok(output.includes(`✔ ${name} (`), output)
})
