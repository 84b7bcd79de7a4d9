import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node, Pod, Service } from '#api/core.ts'
import { planPlacement } from './plan-placement.ts'

type Taints = NonNullable<Node['spec']>['taints']

function node(
  name: string,
  {
    ready = 'True',
    taints,
    unschedulable = false,
    labels,
    podLimit,
  }: {
    ready?: 'True' | 'False'
    taints?: Taints
    unschedulable?: boolean
    labels?: Record<string, string>
    podLimit?: string
  } = {},
): Node {
  return {
    metadata: { name, ...(labels && { labels }) },
    spec: { unschedulable, ...(taints && { taints }) },
    status: {
      conditions: [{ type: 'Ready', status: ready }],
      ...(podLimit && { allocatable: { pods: podLimit } }),
    },
  }
}

let uids = 0
function pod(
  spec: Partial<Pod['spec']> = {},
  {
    owner,
    labels,
    phase,
    leaving = false,
  }: {
    owner?: string
    labels?: Record<string, string>
    phase?: 'Running' | 'Succeeded'
    leaving?: boolean
  } = {},
): Pod {
  return {
    metadata: {
      name: `p${++uids}`,
      namespace: 'default',
      uid: `u${uids}`,
      ...(labels && { labels }),
      ...(leaving && { deletionTimestamp: '2026-11-21T00:00:00Z' }),
      ...(owner && {
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true },
        ],
      }),
    },
    spec: { containers: [{ name: 'c' }], ...spec },
    ...(phase && { status: { phase } }),
  }
}
const on = (nodeName: string, of: Parameters<typeof pod>[1] = {}) => pod({ nodeName }, of)
const hostPort = (port: number, more: { hostIP?: string; protocol?: 'TCP' | 'UDP' } = {}) => ({
  containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: port, ...more }] }],
})
const three = [node('node1'), node('node2'), node('node3')]

const place = (
  wanted: Pod,
  nodes: readonly Node[],
  pods: readonly Pod[] = [],
  services: readonly Service[] = [],
  assumed = new Map<string, string>(),
) => planPlacement(wanted, { nodes, pods, services, assumed })

suite('planPlacement() chooses', () => {
  const web: Service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' } },
  }
  const of = { owner: 'web' }
  const labels = { app: 'web' }
  const cases: readonly {
    name: string
    pod?: Pod
    nodes?: readonly Node[]
    pods?: readonly Pod[]
    services?: readonly Service[]
    want: string
  }[] = [
    { name: 'the first of equals', want: 'node1' },
    {
      name: 'the node with the fewest pods',
      pods: [on('node1'), on('node1'), on('node2')],
      want: 'node3',
    },
    {
      name: 'fewer siblings before fewer pods',
      pod: pod({}, of),
      pods: [on('node1', of), on('node2'), on('node2'), on('node3', of)],
      want: 'node2',
    },
    {
      name: 'without counting siblings that are leaving',
      pod: pod({}, of),
      pods: [on('node1', { ...of, leaving: true }), on('node2', of), on('node3', of)],
      want: 'node1',
    },
    {
      name: 'without counting finished pods',
      pods: [on('node1', { phase: 'Succeeded' }), on('node2'), on('node3')],
      want: 'node1',
    },
    {
      name: 'for a bare pod, apart from pods of its Service',
      pod: pod({}, { labels }),
      pods: [on('node1', { labels }), on('node2'), on('node2'), on('node3', { labels })],
      services: [web],
      want: 'node2',
    },
    {
      name: 'by label',
      pod: pod({ nodeSelector: { disk: 'ssd' } }),
      nodes: [node('node1'), node('node2', { labels: { disk: 'ssd' } })],
      want: 'node2',
    },
    {
      name: 'past a node that is not ready',
      nodes: [node('node1', { ready: 'False' }), node('node2')],
      want: 'node2',
    },
    {
      name: 'past a cordoned node',
      nodes: [node('node1', { unschedulable: true }), node('node2')],
      want: 'node2',
    },
    {
      name: 'past a taint',
      nodes: [
        node('node1', { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] }),
        node('node2'),
      ],
      want: 'node2',
    },
    {
      name: 'a node with a taint that only prefers',
      nodes: [node('node1', { taints: [{ key: 'a', effect: 'PreferNoSchedule' }] })],
      want: 'node1',
    },
    {
      name: 'a tainted node for who tolerates it',
      pod: pod({
        tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' }],
      }),
      nodes: [node('node1', { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }] })],
      want: 'node1',
    },
    {
      name: 'any node for who tolerates everything',
      pod: pod({ tolerations: [{ operator: 'Exists' }] }),
      nodes: [node('node1', { ready: 'False', unschedulable: true })],
      want: 'node1',
    },
    {
      name: 'past a taken host port',
      pod: pod(hostPort(8080)),
      nodes: three,
      pods: [pod({ nodeName: 'node1', ...hostPort(8080) })],
      want: 'node2',
    },
    {
      name: 'past a host port of a pod that is still leaving',
      pod: pod(hostPort(8080)),
      pods: [pod({ nodeName: 'node1', ...hostPort(8080) }, { leaving: true }), on('node3')],
      want: 'node2',
    },
    {
      name: 'beside the same host port of another protocol',
      pod: pod(hostPort(53)),
      nodes: [node('node1')],
      pods: [pod({ nodeName: 'node1', ...hostPort(53, { protocol: 'UDP' }) })],
      want: 'node1',
    },
    {
      name: 'beside the same host port at another address',
      pod: pod(hostPort(80, { hostIP: '172.30.0.11' })),
      nodes: [node('node1')],
      pods: [pod({ nodeName: 'node1', ...hostPort(80, { hostIP: '127.0.0.1' }) })],
      want: 'node1',
    },
    {
      name: 'past a full node',
      nodes: [node('node1', { podLimit: '1' }), node('node2')],
      pods: [on('node1'), on('node2'), on('node2')],
      want: 'node2',
    },
  ]
  for (const {
    name,
    pod: wanted = pod(),
    nodes = three,
    pods = [],
    services = [],
    want,
  } of cases) {
    test(name, () => assert.deepEqual(place(wanted, nodes, pods, services), { node: want }))
  }

  test('past a node to which a pod was bound that does not say so yet', () => {
    const bound = pod()
    assert.deepEqual(
      place(pod(), three, [bound], [], new Map([[bound.metadata.uid ?? '', 'node1']])),
      { node: 'node2' },
    )
  })
})

suite('planPlacement() explains', () => {
  // Sentences: kube-scheduler v1.34+, as FailedScheduling events in public bug reports quote them.
  const cases = [
    { name: 'no nodes', nodes: [], pod: pod(), want: 'no nodes available to schedule pods' },
    {
      name: 'taints and selectors',
      nodes: [
        node('node1', { taints: [{ key: 'a', effect: 'NoSchedule' }] }),
        node('node2'),
        node('node3'),
      ],
      pod: pod({ nodeSelector: { disk: 'ssd' } }),
      want: "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    },
    {
      name: 'cordons and ports',
      nodes: [node('node1', { unschedulable: true }), node('node2')],
      pod: pod(hostPort(80)),
      pods: [pod({ nodeName: 'node2', ...hostPort(80) })],
      want: "0/2 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
    },
  ]
  for (const { name, nodes, pod: wanted, pods = [], want } of cases) {
    test(name, () => assert.deepEqual(place(wanted, nodes, pods), { message: want }))
  }
})
