import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInGuest } from './support/guest.ts'

// The promise: with --proxy ipvs Services work as in the other modes, by the kernel's virtual servers. This kernel may have none: Debian's has.
suite('In a guest whose kernel has IP_VS', () => {
  test('the packet flows of the ipvs mode, in both families; ipvsadm sees what we made', () => {
    const { status, output } = runInGuest(
      'bin/fairlead-node --test-force-exit src/service-network/proxy/ipvs/testing/flows.guest.ts',
      // Emulated, and beside other tests: a process takes seconds to start.
      { timeoutSeconds: 400, env: { FAIRLEAD_TIME_FACTOR: '25', NO_COLOR: '1' } },
    )
    assert.equal(status, 0, output)
    assert.match(output, /✔ pod to ClusterIP/)
  })
})
