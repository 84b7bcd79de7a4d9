import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { createNodeLab } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, C, NODE } from '../testing/packet-flows.ts'

// facts/services.md 1.1, "conntrack cleanup": orig-dst is a service IP, or orig-dport a nodePort.
test('a UDP client of a nodePort at 127.0.0.1 that keeps its port moves on when its endpoint is gone', async () => {
  using cluster = await createNodeLab()
  const dns = serviceOf('dns', {
    type: 'NodePort',
    clusterIP: '10.96.1.1',
    ports: portOf(53, { protocol: 'UDP', nodePort: 30_053 }),
  })
  await cluster.put(dns, sliceOf('dns', [A], ['8082/udp']))
  const proxy = await cluster.startProxy({ mode: 'iptables' })
  try {
    using client = cluster.lab.spawn(cluster.netnsOf(NODE), [
      'bash',
      '-c',
      'exec 3<>/dev/udp/127.0.0.1/30053; while read; do echo -n "?" >&3; read -t 1 -N 1 -u 3 answer && echo "$answer"; done',
    ])
    client.child.stdin?.write('\n')
    await client.outputs('a\n')
    await cluster.put(sliceOf('dns', [C], ['8082/udp']))
    await waitFor(
      () => {
        client.child.stdin?.write('\n')
        return client.output().endsWith('c\n')
      },
      { what: 'an answer of the new endpoint' },
    )
    assert.equal(client.output()[0], 'a')
  } finally {
    await proxy.stop()
  }
})
