import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core.ts'
import type { API } from '#client/api.ts'
import type { Change, Informer } from '#client/informer.ts'
import { annotationKeys, keepLease } from '../annotations.ts'
import { createKubeSubnetManager } from './kube-subnet-manager.ts'

const PREFIX = 'flannel.alpha.coreos.com'

// As kubelet and flanneld write it (facts/pod-network.md 3.2); kubelet reports every five minutes (nodeStatusReportFrequency).
const reported = (ready: 'True' | 'False', heartbeat: string): Node => ({
  metadata: {
    name: 'node2',
    resourceVersion: heartbeat,
    labels: { 'kubernetes.io/os': 'linux' },
    annotations: {
      'node.alpha.kubernetes.io/ttl': heartbeat,
      [`${PREFIX}/backend-data`]: '{"VNI":1,"VtepMAC":"0a:00:00:00:00:02"}',
      [`${PREFIX}/backend-type`]: 'vxlan',
      [`${PREFIX}/kube-subnet-manager`]: 'true',
      [`${PREFIX}/public-ip`]: '172.30.0.12',
    },
  },
  spec: { podCIDR: '10.244.2.0/24', podCIDRs: ['10.244.2.0/24'] },
  status: {
    images: [{ names: ['registry.example/app:1'], sizeBytes: 5 }],
    conditions: [
      { type: 'Ready', status: ready, lastHeartbeatTime: heartbeat },
      { type: 'NetworkUnavailable', status: 'False', lastHeartbeatTime: heartbeat },
    ],
  },
})
const before = reported('True', '1')

const withAnnotation = (name: string, value: string): Node => ({
  ...before,
  metadata: {
    ...before.metadata,
    annotations: { ...before.metadata.annotations, [`${PREFIX}/${name}`]: value },
  },
})

const cases: readonly {
  readonly name: string
  readonly change: Change<Node>
  readonly told: boolean
}[] = [
  {
    name: "kubelet's report",
    change: { type: 'modified', object: reported('False', '2'), previous: before },
    told: false,
  },
  {
    name: 'another address',
    change: {
      type: 'modified',
      object: withAnnotation('public-ip', '172.30.0.13'),
      previous: before,
    },
    told: true,
  },
  {
    name: 'an address that somebody gave',
    change: {
      type: 'modified',
      object: withAnnotation('public-ip-overwrite', '172.30.0.13'),
      previous: before,
    },
    told: true,
  },
  {
    name: 'another subnet',
    change: {
      type: 'modified',
      object: { ...before, spec: { podCIDR: '10.244.3.0/24', podCIDRs: ['10.244.3.0/24'] } },
      previous: before,
    },
    told: true,
  },
  {
    name: 'the condition NetworkUnavailable',
    change: {
      type: 'modified',
      object: {
        ...before,
        status: { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] },
      },
      previous: before,
    },
    told: true,
  },
  {
    name: 'a node that goes',
    change: { type: 'deleted', object: before, previous: before },
    told: true,
  },
  { name: 'a node that comes', change: { type: 'added', object: before }, told: true },
]

for (const { name, change, told } of cases) {
  test(`a kube subnet manager ${told ? 'tells of' : 'is silent about'} ${name}`, () => {
    let tell: (change: Change<Node>) => void = () => {}
    const nodes = {
      subscribe: (listener: typeof tell) => {
        tell = listener
        return () => {}
      },
    } as unknown as Informer<Node>
    let count = 0
    createKubeSubnetManager({ nodes, api: {} as API }, { nodeName: 'node1' }).subscribe(
      () => count++,
    )
    tell(change)
    assert.equal(count, told ? 1 : 0)
  })
}

test('what is kept of a node gives the same lease, without what kubelet reports', () => {
  const keys = annotationKeys()
  const kept = keepLease(before, keys)
  const peersOf = (node: Node) =>
    createKubeSubnetManager(
      { nodes: { list: () => [node] } as unknown as Informer<Node>, api: {} as API },
      { nodeName: 'node1' },
    ).peers()
  assert.equal(peersOf(before).length, 1)
  assert.deepEqual(peersOf(kept), peersOf(before))
  assert.equal(kept.metadata.resourceVersion, '1')
  assert.doesNotMatch(JSON.stringify(kept), /registry|Ready|ttl|kubernetes\.io\/os/)
})
