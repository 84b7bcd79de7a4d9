import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { electNode } from './load-balancer/layer2/elect-node.ts'
import { type LoadBalancerAddress, planLoadBalancerAddresses } from './model.ts'

const nodeOf = (name: string, conditions = { Ready: 'True' }, labels = {}): Node => ({
  metadata: { name, labels },
  status: {
    addresses: [{ type: 'InternalIP', address: `172.30.0.1${name.at(-1)}` }],
    conditions: Object.entries(conditions).map(([type, status]) => ({
      type,
      status: status as 'True',
    })),
  },
})

const serviceOf = (
  name: string,
  ips: readonly string[],
  spec: Service['spec'] = {},
  ipMode: 'VIP' | 'Proxy' = 'VIP',
): Service => ({
  metadata: { name, namespace: 'default' },
  spec: { type: 'LoadBalancer', ...spec },
  status: { loadBalancer: { ingress: ips.map((one) => ({ ip: one, ipMode })) } },
})

const sliceOf = (
  ...endpoints: readonly (readonly [node: string, ready: boolean])[]
): EndpointSlice => ({
  metadata: { name: 's', namespace: 'default' },
  addressType: 'IPv4',
  endpoints: endpoints.map(([nodeName, ready]) => ({
    addresses: ['10.244.1.7'],
    nodeName,
    conditions: { ready },
  })),
})

const NODES = ['node1', 'node2', 'node3'].map((name) => nodeOf(name))
const routedStatus: NonNullable<Node['status']> = {
  ...nodeOf('node2').status,
  addresses: [{ type: 'InternalIP', address: '172.30.1.12' }],
}
const LOCAL = { externalTrafficPolicy: 'Local' } as const
const VIP = '172.30.0.200'

suite('electNode()', () => {
  // printf 'node1#172.30.0.200' | sha256sum: node1 7131788c…, node2 df050ebe…, node3 8be6484a…; for .201: b0b571af…, a5ceb6e2…, 7111d986…
  test('takes the first by sha256 of node "#" address', () => {
    assert.equal(electNode(ip(VIP), ['node1', 'node2', 'node3']), 'node1')
    assert.equal(electNode(ip('172.30.0.201'), ['node1', 'node2', 'node3']), 'node3')
  })
  test('does not depend on the order of candidates', () =>
    assert.equal(electNode(ip(VIP), ['node3', 'node2', 'node1']), 'node1'))
  test('nobody of none', () => assert.equal(electNode(ip(VIP), []), undefined))
  test('losing a node moves only what it had', () => {
    for (let last = 200; last <= 250; last++) {
      const address = ip(`172.30.0.${last}`)
      const before = electNode(address, ['node1', 'node2', 'node3'])
      if (before !== 'node2') assert.equal(electNode(address, ['node1', 'node3']), before)
    }
  })
})

suite('planLoadBalancerAddresses()', () => {
  // Who is a candidate: facts/external-access.md 6 (MetalLB's speaker), but that an address without any endpoint is announced, too, so
  // that clients are refused and need not wait.
  const rows: readonly {
    name: string
    services: readonly Service[]
    nodes?: readonly Node[]
    slice?: EndpointSlice
    networks?: readonly string[]
    want: readonly Partial<LoadBalancerAddress>[]
  }[] = [
    {
      name: 'all Ready nodes',
      services: [serviceOf('a', [VIP])],
      want: [{ ip: ip(VIP), services: ['default/a'], candidates: ['node1', 'node2', 'node3'] }],
    },
    {
      name: 'no node that is not Ready, without network, or excluded',
      services: [serviceOf('a', [VIP])],
      nodes: [
        nodeOf('node1', { Ready: 'Unknown' }),
        nodeOf('node2', { Ready: 'True', NetworkUnavailable: 'True' } as { Ready: string }),
        nodeOf('node3', undefined, {
          'node.kubernetes.io/exclude-from-external-load-balancers': '',
        }),
        nodeOf('node4'),
      ],
      want: [{ candidates: ['node4'], owner: 'node4' }],
    },
    {
      name: 'no node behind a router: ARP stays on its link',
      services: [serviceOf('a', [VIP])],
      networks: ['172.30.0.0/28'],
      nodes: [nodeOf('node1'), { ...nodeOf('node2'), status: routedStatus }],
      want: [{ candidates: ['node1'], owner: 'node1' }],
    },
    {
      name: 'nobody, and why',
      services: [serviceOf('a', [VIP])],
      nodes: [nodeOf('node1', { Ready: 'False' })],
      want: [{ candidates: [], reason: 'no-ready-node' }],
    },
    {
      name: 'Local: nodes with a ready endpoint',
      services: [serviceOf('a', [VIP], LOCAL)],
      slice: sliceOf(['node1', false], ['node3', true]),
      want: [{ candidates: ['node3'], owner: 'node3' }],
    },
    {
      name: 'Local without endpoints',
      services: [serviceOf('a', [VIP], LOCAL)],
      slice: sliceOf(['node1', false]),
      want: [{ candidates: [], reason: 'no-local-endpoints' }],
    },
    {
      name: 'one owner of an address that two Services share',
      services: [serviceOf('b', [VIP]), serviceOf('a', [VIP], LOCAL)],
      slice: sliceOf(['node3', true]),
      want: [{ services: ['default/a', 'default/b'], owner: 'node3' }],
    },
    { name: 'not with ipMode Proxy', services: [serviceOf('a', [VIP], {}, 'Proxy')], want: [] },
    {
      name: 'not of another class',
      services: [serviceOf('a', [VIP], { loadBalancerClass: 'example.com/lb' })],
      want: [],
    },
    { name: "not a node's own address", services: [serviceOf('a', ['172.30.0.12'])], want: [] },
    {
      name: 'not of another type',
      services: [serviceOf('a', [VIP], { type: 'NodePort' })],
      want: [],
    },
    {
      name: 'no text that is no address',
      services: [serviceOf('a', ['1.2.3', 'fd00::1::'])],
      want: [],
    },
  ]
  for (const { name, services, nodes = NODES, slice = sliceOf(), networks, want } of rows) {
    test(name, () => {
      const addresses = planLoadBalancerAddresses({
        services,
        nodes,
        slicesOf: () => [slice],
        ...(networks && { networks: networks.map(cidr) }),
      })
      assert.equal(addresses.length, want.length)
      want.forEach((partial, i) => assert.partialDeepStrictEqual(addresses[i], partial))
    })
  }
})
