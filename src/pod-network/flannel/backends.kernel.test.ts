import { suite, test } from 'node:test'
import { checkFlows } from '../testing/backend-flows.ts'
import { CLUSTER_BACKENDS, createBackend } from './create-backend.ts'

const tunnel = '10.244.1.0'
/** MTU: facts/pod-network.md 3.4. The relay of udp counts as a hop, both as sender and as receiver (proxy_amd64.c of flannel). */
const EXPECTED = {
  vxlan: { mtuBytes: 1450, ttl: 62, nodeSeenAs: tunnel },
  'host-gw': { mtuBytes: 1500, ttl: 62, nodeSeenAs: '172.30.0.11' },
  udp: { mtuBytes: 1472, ttl: 60, nodeSeenAs: tunnel },
} as const

// wireguard and ipip, which this kernel may not have: e2e/guest-backends.test.ts
suite('each backend connects pods, nodes and pods of other nodes, under their own addresses', () => {
  for (const type of CLUSTER_BACKENDS) {
    test(type, () =>
      checkFlows({ backend: () => createBackend({ type, options: {} }), ...EXPECTED[type] }),
    )
  }
})
