import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInGuest } from './support/guest.ts'

// The promises that the kernel at hand cannot show: a kernel without nf_tables, and one whose parts are modules.
suite("In a guest with Debian's own kernel", () => {
  test('a kernel without nf_tables: up says so and makes nothing', () => {
    const { status, output } = runInGuest(
      'bin/fairlead up --name g1 --nodes 1; code=$?; ls -d /run/fairlead /root/.fairlead; exit $code',
      {
        without: ['nf_tables'],
        env: { FAIRLEAD_HOME: '/tmp/home', KUBECONFIG: '/tmp/kubeconfig' },
      },
    )
    assert.equal(status, 1, output)
    assert.match(output, /Cannot start cluster g1: this kernel has no nf_tables/)
    assert.match(output, /cannot access '\/run\/fairlead'/)
  })

  test("the host's network is the same before, during and after a cluster, without br_netfilter, and a Service answers on its own node", () => {
    const command =
      'sh tools/setup.sh && bin/fairlead-node --test --test-name-pattern="before, during and after" e2e/host-network.test.ts; code=$?; grep -c br_netfilter /proc/modules; exit $code'
    const { status, output } = runInGuest(command, {
      timeoutSeconds: 400,
      env: { FAIRLEAD_TEST_NODES: '1' },
    })
    assert.equal(status, 0, output)
    assert.match(output, /^0$/m, 'br_netfilter was not loaded')
  })
})
