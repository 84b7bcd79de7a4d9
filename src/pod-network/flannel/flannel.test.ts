import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { Route } from '#kernel/netlink/model.ts'
import { planMasquerade } from '../masquerade/plan-masquerade.ts'
import {
  annotationKeys,
  givenAddresses,
  hasAnnotations,
  leaseOfNode,
  planAnnotations,
  podCIDRsOf,
} from './annotations.ts'
import { ROUTE_PROTOCOL } from './backend.ts'
import type { Lease } from './lease.ts'
import { findNextHop } from './next-hop.ts'
import { selectPeers } from './select-peers.ts'
import { renderSubnetEnv } from './subnet-env.ts'
import { fuzzAnnotations } from './testing/fuzz-flannel.ts'
import { node1, peerLease } from './testing/own-node.ts'

// facts/pod-network.md 3.2
const annotations = {
  'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  'flannel.alpha.coreos.com/backend-type': 'vxlan',
  'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:02"}',
  'flannel.alpha.coreos.com/public-ip': '172.30.0.12',
  'flannel.alpha.coreos.com/backend-v6-data': '{"VNI":1,"VtepMAC":"02:00:00:00:06:02"}',
  'flannel.alpha.coreos.com/public-ipv6': 'fd00:172:30::12',
}
const keys = annotationKeys()
const spec = { podCIDR: '10.244.2.0/24', podCIDRs: ['10.244.2.0/24', 'fd00:10:244:2::/64'] }
const node2: Node = { metadata: { name: 'node2', annotations }, spec }

suite('annotations', () => {
  test("are flannel's", () => assert.deepEqual(planAnnotations(peerLease(2), keys), annotations))

  test('come back as the lease', () => assert.deepEqual(leaseOfNode(node2, keys), peerLease(2)))

  // pkg/subnet/kube/kube.go, AcquireLease: a backend without data marshals to null
  test('say null for a backend without data', () => {
    const plan = planAnnotations(
      { backendType: 'host-gw', publicIPs: { 4: ip('172.30.0.12') }, data: { 4: null } },
      keys,
    )
    assert.equal(plan['flannel.alpha.coreos.com/backend-data'], 'null')
    assert.equal('flannel.alpha.coreos.com/backend-v6-data' in plan, false)
  })

  test('of a node that no daemon speaks for are no lease', () => {
    assert.equal(leaseOfNode({ metadata: { name: 'n' }, spec }, keys), undefined)
    const off = { ...annotations, 'flannel.alpha.coreos.com/kube-subnet-manager': 'no' }
    assert.equal(leaseOfNode({ metadata: { name: 'n', annotations: off } }, keys), undefined)
  })

  test('that people write for this node', () => {
    const given = {
      'flannel.alpha.coreos.com/node-public-ip': '172.30.0.99',
      'flannel.alpha.coreos.com/public-ip-overwrite': '203.0.113.9',
      'flannel.alpha.coreos.com/public-ipv6-overwrite': '203.0.113.9',
    }
    assert.deepEqual(givenAddresses({ metadata: { name: 'n', annotations: given } }, keys), {
      own: { 4: '172.30.0.99' },
      overwrite: { 4: '203.0.113.9' },
    })
  })

  test('are looked for by value', () => {
    assert.ok(hasAnnotations(node2, annotations))
    assert.ok(!hasAnnotations(node2, { ...annotations, x: 'y' }))
  })

  // pkg/subnet/kube/annotations.go
  const prefixes = [
    { prefix: 'flannel.alpha.coreos.com', want: 'flannel.alpha.coreos.com/public-ip' },
    { prefix: 'net.example.com/a', want: 'net.example.com/a-public-ip' },
    { prefix: 'net.example.com/a-', want: 'net.example.com/a-public-ip' },
    { prefix: 'net.example.com/', want: 'net.example.com/public-ip' },
  ]
  for (const { prefix, want } of prefixes)
    test(`with prefix ${prefix}`, () => assert.equal(annotationKeys(prefix).publicIP[4], want))
  for (const { prefix, error } of [
    { prefix: 'a.b/c/d', error: 'subnet/kube: prefix can contain at most single slash' },
    { prefix: 'nodot', error: 'subnet/kube: prefix must be in a format: fqdn/[0-9a-z-_]*' },
    { prefix: 'A.B/c', error: 'subnet/kube: prefix must be in a format: fqdn/[0-9a-z-_]*' },
  ])
    test(`refuses prefix ${prefix}`, () =>
      assert.throws(() => annotationKeys(prefix), { name: 'RangeError', message: error }))

  test('hold any text, and never more than that a node is refused', () =>
    fuzzAnnotations(annotations, { runs: 200 }))
})

test('podCIDRsOf() takes the first of each family', () => {
  assert.deepEqual(podCIDRsOf(node2), peerLease(2).subnets)
  assert.deepEqual(podCIDRsOf({ metadata: { name: 'n' }, spec: { podCIDR: '10.244.2.0/24' } }), {
    4: cidr('10.244.2.0/24'),
  })
  assert.deepEqual(podCIDRsOf({ metadata: { name: 'n' } }), {})
})

suite('selectPeers()', () => {
  const select = (leases: readonly Lease[]) => selectPeers(leases, node1, 'vxlan')

  test('takes peers in the order of names', () => {
    const { peers, refused } = select([peerLease(3), peerLease(2)])
    assert.deepEqual(peers, [peerLease(2), peerLease(3)])
    assert.deepEqual(refused, [])
  })

  const refusals = [
    {
      name: 'another backend',
      lease: peerLease(2, { backendType: 'host-gw' }),
      why: 'its backend is "host-gw", not "vxlan"',
    },
    {
      name: 'a subnet outside of the pod network',
      lease: peerLease(2, { subnets: { 4: cidr('172.30.0.0/24') } }),
      why: 'its subnet 172.30.0.0/24 is not in the pod network 10.244.0.0/16',
    },
    {
      name: 'everything',
      lease: peerLease(2, { subnets: { 4: cidr('0.0.0.0/0') } }),
      why: 'its subnet 0.0.0.0/0 is not in the pod network 10.244.0.0/16',
    },
    {
      name: "this node's own subnet",
      lease: peerLease(2, { subnets: { 4: cidr('10.244.1.128/25') } }),
      why: "its subnet 10.244.1.128/25 overlaps with this node's own",
    },
  ]
  for (const { name, lease, why } of refusals) {
    test(`refuses ${name}`, () =>
      assert.deepEqual(select([lease]), { peers: [], refused: [{ node: 'node2', why }] }))
  }

  test('serves one of two nodes with the same subnet', () => {
    const twin = peerLease(3, { subnets: peerLease(2).subnets })
    const { peers, refused } = select([twin, peerLease(2)])
    assert.deepEqual(peers, [peerLease(2)])
    assert.equal(refused[0]?.why, 'its subnet 10.244.2.0/24 is also that of node2')
  })
})

suite('findNextHop()', () => {
  const routes: readonly Route[] = [
    { family: 4, gateway: ip('172.30.0.1'), device: 'eth0' },
    { family: 4, destination: cidr('172.30.0.0/24'), device: 'eth0' },
    { family: 4, destination: cidr('10.0.0.0/8'), type: 'blackhole' },
    {
      family: 4,
      destination: cidr('172.30.0.12/32'),
      device: 'flannel.1',
      protocol: ROUTE_PROTOCOL,
    },
    { family: 6, destination: cidr('fd00:172:30::/64'), device: 'eth1' },
  ]
  const hops = [
    { to: '172.30.0.12', want: { device: 'eth0' } },
    { to: '192.0.2.1', want: { device: 'eth0', gateway: '172.30.0.1' } },
    { to: 'fd00:172:30::12', want: { device: 'eth1' } },
    { to: 'fd00::1', want: undefined },
  ]
  for (const { to, want } of hops)
    test(to, () => assert.deepEqual(findNextHop(routes, ip(to)), want))
})

// facts/pod-network.md 3.1; order of lines: pkg/subnet/subnet.go, WriteSubnetFile
test("renderSubnetEnv() writes flannel's file", () => {
  const env = { networks: node1.networks, subnets: node1.subnets, mtuBytes: 1450, ipMasq: true }
  assert.equal(
    renderSubnetEnv(env),
    `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_IPV6_NETWORK=fd00:10:244::/56
FLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`,
  )
  assert.equal(
    renderSubnetEnv({ ...env, subnets: { 4: node1.subnets[4]! } }),
    'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
  )
})

suite('planMasquerade() translates what neither pods nor nodes receive', () => {
  const nodeIPs = ['172.30.0.12', '172.30.0.11', 'fd00:172:30::11'].map(ip)

  // Words of nft(8).
  test('IPv4', () =>
    assert.equal(
      planMasquerade({
        family: 4,
        network: cidr('10.244.0.0/16'),
        podCIDR: cidr('10.244.1.0/24'),
        nodeIPs,
      }),
      `add table ip fairlead-pod-network
delete table ip fairlead-pod-network
table ip fairlead-pod-network {
  set nodes {
    type ipv4_addr
    elements = { 172.30.0.11, 172.30.0.12 }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr != 10.244.1.0/24 return
    ip daddr 10.244.0.0/16 return
    ip daddr 224.0.0.0/4 return
    ip daddr @nodes return
    masquerade fully-random
  }
}
`,
    ))

  test('IPv6', () =>
    assert.equal(
      planMasquerade({
        family: 6,
        network: cidr('fd00:10:244::/56'),
        podCIDR: cidr('fd00:10:244:1::/64'),
        nodeIPs,
        keepPorts: true,
      }),
      `add table ip6 fairlead-pod-network
delete table ip6 fairlead-pod-network
table ip6 fairlead-pod-network {
  set nodes {
    type ipv6_addr
    elements = { fd00:172:30::11 }
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip6 saddr != fd00:10:244:1::/64 return
    ip6 daddr fd00:10:244::/56 return
    ip6 daddr ff00::/8 return
    ip6 daddr @nodes return
    masquerade
  }
}
`,
    ))
})
