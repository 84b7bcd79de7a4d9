import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { planMasquerade } from '../masquerade/plan-masquerade.ts'
import { decidePeer, planAnnotations } from './node-annotations.ts'
import { renderSubnetEnv } from './subnet-env.ts'

const lease = { nodeIP: ip('172.30.0.12'), mac: mac('02:00:00:00:00:02'), vni: 1 }
// facts/pod-network.md 3.2
const annotations = {
  'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  'flannel.alpha.coreos.com/backend-type': 'vxlan',
  'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:02"}',
  'flannel.alpha.coreos.com/public-ip': '172.30.0.12',
}

function node(
  changes: Record<string, string> = {},
  spec: Node['spec'] = { podCIDR: '10.244.2.0/24' },
): Node {
  return { metadata: { name: 'node2', annotations: { ...annotations, ...changes } }, spec }
}
const key = (name: string) => `flannel.alpha.coreos.com/${name}`

test("planAnnotations() writes flannel's", () =>
  assert.deepEqual(planAnnotations(lease), annotations))

suite('decidePeer()', () => {
  const peer = {
    nodeName: 'node2',
    podCIDR: cidr('10.244.2.0/24'),
    nodeIP: lease.nodeIP,
    mac: lease.mac,
  }

  test('reads a peer', () => assert.deepEqual(decidePeer(node(), 1), { kind: 'peer', peer }))

  test('prefers an address that somebody wrote over it', () => {
    const decision = decidePeer(node({ [key('public-ip-overwrite')]: '203.0.113.9' }), 1)
    assert.deepEqual(decision, { kind: 'peer', peer: { ...peer, nodeIP: '203.0.113.9' } })
  })

  const none = [
    { name: 'a node without a subnet', node: node({}, {}), reason: 'it has no podCIDR' },
    {
      name: 'a node without a daemon',
      node: { metadata: { name: 'n' }, spec: { podCIDR: '10.244.2.0/24' } },
      reason: 'no pod network daemon told of it yet',
    },
    {
      name: 'another backend',
      node: node({ [key('backend-type')]: 'host-gw' }),
      reason: 'its backend is host-gw',
    },
    {
      name: 'another VNI',
      node: node({ [key('backend-data')]: '{"VNI":2,"VtepMAC":"02:00:00:00:00:02"}' }),
      reason: 'its VNI is 2, not 1',
    },
    {
      name: 'an address that is none',
      node: node({ [key('public-ip')]: '1.2.3' }),
      reason: 'its public-ip is no IPv4 address',
    },
    ...[
      '',
      '{',
      'null',
      '[]',
      '{"VNI":"1","VtepMAC":"02:00:00:00:00:02"}',
      '{"VNI":1,"VtepMAC":"x"}',
    ].map((data) => ({
      name: `backend data ${data}`,
      node: node({ [key('backend-data')]: data }),
      reason: 'its backend-data is not {"VNI":…,"VtepMAC":…}',
    })),
  ]
  for (const { name, node, reason } of none) {
    test(`says why not: ${name}`, () =>
      assert.deepEqual(decidePeer(node, 1), { kind: 'none', reason }))
  }
})

// facts/pod-network.md 3.1
test("renderSubnetEnv() writes flannel's file", () => {
  const env = {
    network: cidr('10.244.0.0/16'),
    subnet: cidr('10.244.1.0/24'),
    mtuBytes: 1450,
    ipMasq: true,
  }
  const want =
    'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n'
  assert.equal(renderSubnetEnv(env), want)
})

test('planMasquerade() translates what neither pods nor nodes receive', () => {
  const nodeIPs = [ip('172.30.0.12'), ip('172.30.0.11')]
  const plan = planMasquerade({
    network: cidr('10.244.0.0/16'),
    podCIDR: cidr('10.244.1.0/24'),
    nodeIPs,
  })
  // Words of nft(8).
  assert.equal(
    plan,
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
  )
})
