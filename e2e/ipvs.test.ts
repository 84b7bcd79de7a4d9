import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInGuest } from './support/guest.ts'

// The promise: with --proxy ipvs Services work as in the other modes, by the kernel's virtual servers. This kernel may have none: Debian's has.
suite('In a guest whose kernel has IP_VS', () => {
  test('packets flow as in all modes, destinations drain, and the mode can be left and taken', () => {
    const tests = ['flows', 'drain'].map(
      (name) =>
        `bin/fairlead-node --test-force-exit src/service-network/proxy/ipvs/testing/${name}.guest.ts`,
    )
    // Emulated, and beside other tests: a process takes seconds to start.
    const env = { FAIRLEAD_TIME_FACTOR: '25', NO_COLOR: '1' }
    const { status, output } = runInGuest(tests.join(' && '), { timeoutSeconds: 590, env })
    assert.equal(status, 0, output)
    assert.match(output, /✔ pod to ClusterIP/)
    assert.match(output, /✔ leaves for nftables and comes back/)
  })
})
