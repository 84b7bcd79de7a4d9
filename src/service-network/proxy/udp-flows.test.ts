import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { planServiceModel } from '../model.ts'
import { endpointOf, portOf, serviceOf, sliceOf } from './testing/objects.ts'
import { OPTIONS } from './testing/packet-flows.ts'
import { changedUDPTargets, parseUDPFlows, selectStaleFlows } from './udp-flows.ts'

test('parseUDPFlows() reads what conntrack prints', () => {
  // conntrack 1.4.7: conntrack -L, after a datagram to 127.0.0.9:53 that `dnat to 127.0.0.1:5353` took; and a line of another protocol.
  const text = `udp      17 29 src=127.0.0.1 dst=127.0.0.9 sport=59769 dport=53 [UNREPLIED] src=127.0.0.1 dst=127.0.0.1 sport=5353 dport=59769 mark=0 use=1
unknown  2 599 src=10.244.1.1 dst=224.0.0.22 [UNREPLIED] src=224.0.0.22 dst=10.244.1.1 mark=0 use=1
udp      17 nonsense
`
  assert.deepEqual(parseUDPFlows(text), [
    {
      source: { ip: ip('127.0.0.1'), port: 59769 },
      frontend: { ip: ip('127.0.0.9'), port: 53 },
      reply: { ip: ip('127.0.0.1'), port: 5353 },
    },
  ])
})

suite('selectStaleFlows()', () => {
  const dns = serviceOf('dns', { clusterIP: '10.96.0.10', ports: portOf(53, { protocol: 'UDP' }) })
  const modelOf = (...slices: readonly ReturnType<typeof sliceOf>[]) =>
    planServiceModel([dns], slices, OPTIONS)
  const both = modelOf(sliceOf('dns', ['10.244.1.7', '10.244.2.9'], ['53/udp']))
  const open = serviceOf('dns', {
    type: 'NodePort',
    clusterIP: '10.96.0.10',
    ports: portOf(53, { protocol: 'UDP', nodePort: 30_053 }),
  })
  const withNodePort = (...endpoints: readonly string[]) =>
    planServiceModel([open], [sliceOf('dns', endpoints, ['53/udp'])], OPTIONS)
  const flow = (reply: string, frontend = '10.96.0.10', port = 53) => ({
    source: { ip: ip('10.244.1.8'), port: 5000 },
    frontend: { ip: ip(frontend), port },
    reply: { ip: ip(reply), port: 53 },
  })
  const draining = endpointOf('10.244.1.7', {
    conditions: { ready: false, serving: true, terminating: true },
  })
  // facts/services.md 1.1, "conntrack cleanup"; k/k#139628 for the Service without endpoints.
  const rows = [
    {
      name: 'to an endpoint that is gone',
      after: modelOf(sliceOf('dns', ['10.244.2.9'], ['53/udp'])),
      flows: [flow('10.244.1.7'), flow('10.244.2.9')],
      stale: [0],
    },
    { name: 'no endpoints are left', after: modelOf(), flows: [flow('10.244.1.7')], stale: [0] },
    { name: 'the Service is gone', after: new Map(), flows: [flow('10.244.1.7')], stale: [0] },
    {
      name: 'let through untranslated before',
      before: modelOf(),
      after: both,
      flows: [flow('10.96.0.10'), flow('10.244.1.7')],
      stale: [0],
    },
    {
      name: 'not to one that drains',
      after: modelOf(sliceOf('dns', [draining, '10.244.2.9'], ['53/udp'])),
      flows: [flow('10.244.1.7')],
      stale: [],
    },
    {
      name: 'not of others',
      after: modelOf(),
      flows: [flow('10.244.1.7', '10.96.0.11')],
      stale: [],
    },
    {
      name: 'at start, also to what is no Service any more',
      before: undefined,
      after: both,
      flows: [
        flow('10.244.1.7', '10.96.0.11'),
        flow('8.8.8.8', '8.8.8.8'),
        flow('10.244.1.7'),
        flow('10.244.1.7', '10.99.0.1'),
      ],
      stale: [0, 3],
    },
    // A nodePort is open on each address of the node, in iptables mode on 127.0.0.1 too; elsewhere the number is another's.
    {
      name: 'of a nodePort, on whichever address of the node',
      before: withNodePort('10.244.1.7', '10.244.2.9'),
      after: withNodePort('10.244.2.9'),
      flows: [
        flow('10.244.1.7', '127.0.0.1', 30_053),
        flow('10.244.2.9', '127.0.0.1', 30_053),
        flow('10.244.1.7', '172.30.0.11', 30_053),
        flow('8.8.8.8', '8.8.8.8', 30_053),
      ],
      stale: [0, 2],
    },
    {
      name: 'not to a relay of the mode, which finds an endpoint for each datagram',
      after: modelOf(sliceOf('dns', ['10.244.2.9'], ['53/udp'])),
      relay: '172.30.0.11',
      flows: [flow('172.30.0.11'), flow('172.30.0.12'), flow('10.244.1.7')],
      stale: [1, 2],
    },
    {
      name: 'to a relay of a Service that is gone',
      after: new Map(),
      relay: '172.30.0.11',
      flows: [flow('172.30.0.11')],
      stale: [0],
    },
    { name: 'nothing changed', after: both, flows: [flow('10.244.9.9')], stale: [] },
  ]
  for (const { name, flows, stale, after, ...rest } of rows) {
    test(name, () => {
      const before = 'before' in rest ? rest.before : both
      const relays = 'relay' in rest ? [{ ip: ip(rest.relay), port: 53 }] : []
      const targets = changedUDPTargets(before, after, () => relays)
      const found = selectStaleFlows(flows, targets, {
        isOfNode: (address) => ['127.0.0.1', '172.30.0.11'].includes(address),
        ...(!before && { serviceCIDRs: [cidr('10.99.0.0/24'), cidr('10.96.0.0/16')] }),
      })
      assert.deepEqual(
        found,
        stale.map((i) => flows[i]),
      )
    })
  }
})
