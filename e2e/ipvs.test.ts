import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInGuest } from './support/guest.ts'
import { SERVICE_MODULES } from './support/service-modules.ts'

const TESTS = 'src/service-network/proxy/ipvs/testing/all.guest.ts'

// The promise: with --proxy ipvs Services work as in the other modes, by the kernel's virtual servers. This kernel may have none: Debian's has.
suite('In a guest whose kernel has IP_VS', () => {
  test('packets flow as in all modes, destinations drain, and the mode can be left and taken', () => {
    // In one process. Emulated, and beside other tests, it takes seconds to start one.
    const { status, output } = runInGuest(`bin/fairlead-node --test-force-exit ${TESTS}`, {
      modules: SERVICE_MODULES,
      timeoutSeconds: 590,
      env: { FAIRLEAD_TIME_FACTOR: '25', NO_COLOR: '1' },
    })
    assert.equal(status, 0, output)
    for (const name of [
      "the kernel takes each of kube-proxy's schedulers",
      'pod to ClusterIP',
      'ping of a ClusterIP',
      'spreads evenly over three endpoints',
      'a UDP client that keeps its port moves on when its endpoint is gone',
      'leaves for userspace and comes back',
    ])
      assert.ok(output.includes(`✔ ${name}`), output)
  })
})
