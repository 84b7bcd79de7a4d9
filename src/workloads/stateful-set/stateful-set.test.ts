/**
 * Expected behaviour: pkg/controller/statefulset/stateful_set_control_test.go and stateful_set_utils.go (v1.36), and
 * kubernetes.io/docs/concepts/workloads/controllers/statefulset.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { StatefulSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createTestCluster, eventsOf, fakeKubelet } from '../testing-cluster.ts'
import { statefulSetController } from './controller.ts'
import { planStatefulSet } from './plan.ts'
import { statefulPod } from './pod.ts'

const set = (replicas: number, more: Partial<StatefulSet['spec']> = {}): StatefulSet => ({
  metadata: { name: 'web', namespace: 'default', uid: 'set' },
  spec: {
    replicas,
    serviceName: 'web',
    podManagementPolicy: 'OrderedReady',
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { nodeName: 'node1', containers: [{ name: 'c', image: 'i:1' }] },
    },
    ...more,
  },
})

type Fate = 'ready' | 'pending' | 'going' | 'failed'
/** `old` pods are of another template. */
const podOf = (owner: StatefulSet, ordinal: number, fate: Fate, revision = 'new'): Pod => {
  const pod = statefulPod(owner, owner.spec.template, revision, ordinal)
  const isReady = fate === 'ready' || fate === 'going'
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(fate === 'going' ? { deletionTimestamp: '2026-11-29T00:00:00Z' } : {}),
    },
    status: {
      phase: fate === 'failed' ? 'Failed' : isReady ? 'Running' : 'Pending',
      conditions: isReady
        ? [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-11-29T00:00:00Z' }]
        : [],
    },
  }
}

const parallel = { podManagementPolicy: 'Parallel' } as const
const partition = (of: number) => ({
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: of } } as const,
})

const rows: readonly {
  readonly name: string
  readonly set: StatefulSet
  readonly pods: readonly [ordinal: number, fate: Fate, revision?: string][]
  readonly want: { readonly create?: readonly number[]; readonly remove?: readonly string[] }
}[] = [
  { name: 'the first pod alone', set: set(3), pods: [], want: { create: [0] } },
  { name: 'none while the first is not ready', set: set(3), pods: [[0, 'pending']], want: {} },
  {
    name: 'the second when the first is ready',
    set: set(3),
    pods: [[0, 'ready']],
    want: { create: [1] },
  },
  { name: 'all at once in parallel', set: set(3, parallel), pods: [], want: { create: [0, 1, 2] } },
  {
    name: 'from where the ordinals start',
    set: set(2, { ...parallel, ordinals: { start: 5 } }),
    pods: [],
    want: { create: [5, 6] },
  },
  {
    name: 'one that failed again',
    set: set(1),
    pods: [[0, 'failed']],
    want: { remove: ['web-0'] },
  },
  {
    name: 'the last of too many',
    set: set(1),
    pods: [
      [0, 'ready'],
      [1, 'ready'],
      [2, 'ready'],
    ],
    want: { remove: ['web-2'] },
  },
  {
    name: 'none more while the last one goes',
    set: set(1),
    pods: [
      [0, 'ready'],
      [1, 'ready'],
      [2, 'going'],
    ],
    want: {},
  },
  {
    name: 'the last pod of an old template',
    set: set(2),
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready', 'old'],
    ],
    want: { remove: ['web-1'] },
  },
  {
    name: 'the next old one when the last is new and ready',
    set: set(2),
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready'],
    ],
    want: { remove: ['web-0'] },
  },
  {
    name: 'no old one below the partition',
    set: set(2, partition(1)),
    pods: [
      [0, 'ready', 'old'],
      [1, 'ready'],
    ],
    want: {},
  },
  {
    name: 'no old one with OnDelete',
    set: set(1, { updateStrategy: { type: 'OnDelete' } }),
    pods: [[0, 'ready', 'old']],
    want: {},
  },
]

suite('planStatefulSet() makes or removes', () => {
  for (const { name, set: owner, pods, want } of rows) {
    test(name, () => {
      const all = pods.map(([ordinal, fate, revision]) => podOf(owner, ordinal, fate, revision))
      const plan = planStatefulSet(owner, all, { current: 'old', update: 'new' }, Date.now())
      assert.deepEqual(
        plan.create.map(({ ordinal }) => ordinal),
        want.create ?? [],
      )
      assert.deepEqual(
        plan.remove.map(({ metadata }) => metadata.name),
        want.remove ?? [],
      )
    })
  }
  test('a missing pod below the partition of the template before', () => {
    const owner = set(2, { ...parallel, ...partition(1) })
    const { create } = planStatefulSet(owner, [], { current: 'old', update: 'new' }, 0)
    assert.deepEqual(create, [
      { ordinal: 0, isCurrent: true },
      { ordinal: 1, isCurrent: false },
    ])
  })
})

test('a pod has an identity, and claims of its own', () => {
  const claim = { metadata: { name: 'data' }, spec: {} }
  const { metadata, spec } = statefulPod(
    set(1, { volumeClaimTemplates: [claim] }),
    set(1).spec.template,
    'web-abc',
    2,
  )
  assert.equal(metadata.name, 'web-2')
  assert.equal(spec.hostname, 'web-2')
  assert.equal(spec.subdomain, 'web')
  assert.deepEqual(metadata.labels, {
    app: 'web',
    'statefulset.kubernetes.io/pod-name': 'web-2',
    'apps.kubernetes.io/pod-index': '2',
    'controller-revision-hash': 'web-abc',
  })
  assert.deepEqual(spec.volumes, [
    { name: 'data', persistentVolumeClaim: { claimName: 'data-web-2' } },
  ])
})

test('a set is made in order, rolled from its end, and remembers its templates', async () => {
  await using cluster = createTestCluster()
  const { api } = cluster
  const order: string[] = []
  cluster.run(
    statefulSetController({
      api,
      statefulSets: cluster.follow(resources.statefulSets),
      pods: cluster.follow(resources.pods),
      revisions: cluster.follow(resources.controllerRevisions),
      events: eventsOf(api, 'statefulset-controller'),
    }),
  )
  cluster.run(fakeKubelet(cluster))
  const { uid: _, ...metadata } = set(3).metadata
  await api.create(resources.statefulSets, { ...set(3), metadata })
  const status = async () => (await api.get(resources.statefulSets, metadata))?.status
  await cluster.until('three pods are ready', async () => (await status())?.readyReplicas === 3)
  for (const request of api.requests) if (/^(create|delete) pods/.test(request)) order.push(request)
  assert.deepEqual(
    order.filter((line) => line.startsWith('create')),
    [0, 1, 2].map((ordinal) => `create pods default/web-${ordinal}`),
  )
  const before = (await status())?.currentRevision
  const template = { spec: { containers: [{ name: 'c', image: 'i:2' }] } }
  await api.patch(resources.statefulSets, metadata, 'merge', { spec: { template } })
  await cluster.until('all pods are of the new template', async () => {
    const now = await status()
    return now?.currentRevision !== before && now?.currentRevision === now?.updateRevision
  })
  const images = (await cluster.list(resources.pods)).map(({ spec }) => spec.containers[0]?.image)
  assert.deepEqual(images, ['i:2', 'i:2', 'i:2'])
  const revisions = await cluster.list(resources.controllerRevisions)
  assert.deepEqual(revisions.map(({ revision }) => revision).toSorted(), [1, 2])
})
