import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startCluster, type TestCluster } from './support/cluster.ts'

const service = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })

// Upstream's words: facts of k/k v1.36 pkg/apis/core/validation, registry/core/service/storage/alloc.go, as kubectl prints them.
suite("Bad input gets upstream's words, and nothing is half-made", () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('bad', ['--nodes', '1'])
    const taken = cluster.kubectl(
      ['apply', '-f', '-'],
      service('taken', { type: 'NodePort', ports: [{ port: 80, nodePort: 30100 }] }),
    )
    assert.equal(taken.status, 0, taken.stderr)
  })
  after(() => cluster[Symbol.dispose]())

  const cases = [
    {
      name: 'an unknown field',
      manifest: service('x', { ports: [{ port: 80 }], selektor: { app: 'x' } }),
      says: /strict decoding error: unknown field "spec\.selektor"/,
    },
    {
      name: 'nodePort 80',
      manifest: service('x', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }),
      says: /The Service "x" is invalid: spec\.ports\[0\]\.nodePort: Invalid value: 80: provided port is not in the valid range\. The range of valid ports is 30000-32767/,
    },
    {
      name: 'a nodePort twice',
      manifest: service('x', { type: 'NodePort', ports: [{ port: 80, nodePort: 30100 }] }),
      says: /spec\.ports\[0\]\.nodePort: Invalid value: 30100: provided port is already allocated/,
    },
    {
      name: 'an endpoint at 127.0.0.1',
      manifest: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { name: 'x' },
        subsets: [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ port: 80 }] }],
      }),
      says: /may not be in the loopback range \(127\.0\.0\.0\/8, ::1\/128\)/,
    },
    {
      name: 'a ClusterIP out of range',
      manifest: service('x', { clusterIP: '1.1.1.1', ports: [{ port: 80 }] }),
      // registry/core/service/ipallocator: no ServiceCIDR has it
      says: /failed to allocate IP 1\.1\.1\.1: the provided network does not match the current range/,
    },
    {
      name: 'a name that is none',
      manifest: service('X_y', { ports: [{ port: 80 }] }),
      says: /metadata\.name: Invalid value: "X_y"/,
    },
  ]
  for (const { name, manifest, says } of cases) {
    test(name, () => {
      const applied = cluster.kubectl(['apply', '-f', '-'], manifest)
      assert.equal(applied.status, 1, applied.stdout)
      assert.match(applied.stderr, says)
      assert.match(cluster.kubectl(['get', 'service,endpoints', 'x']).stderr, /NotFound/)
    })
  }

  test('an unknown image says what to do', async () => {
    const run = cluster.kubectl(['run', 'stranger', '--image=nginx:1.27'])
    assert.equal(run.status, 0, run.stderr)
    const waited = cluster.kubectl([
      'wait',
      'pod/stranger',
      '--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull',
      '--timeout=180s',
    ])
    assert.equal(waited.status, 0, waited.stderr)
    assert.match(cluster.kubectl(['describe', 'pod', 'stranger']).stdout, /fairlead\.dev\/echo/)
  })
})
