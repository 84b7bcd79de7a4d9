import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ReplicaSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { findCondition } from '../conditions.ts'
import { createTestCluster, eventsOf, fakeKubelet, type TestCluster } from '../testing-cluster.ts'
import { replicaSetController } from './controller.ts'
import { rankForDeletion } from './rank-for-deletion.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString()

interface PodOptions {
  readonly node?: string | undefined
  readonly phase?: 'Pending' | 'Running' | 'Unknown'
  readonly readyFor?: number | undefined
  readonly restarts?: number
  readonly age?: number
  readonly cost?: string
}

function pod(
  name: string,
  {
    node = 'node1',
    phase = 'Running',
    readyFor = 3600,
    restarts = 0,
    age = 7200,
    cost,
  }: PodOptions = {},
): Pod {
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      creationTimestamp: ago(age),
      ...(cost !== undefined && {
        annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost },
      }),
    },
    spec: { ...(node && { nodeName: node }), containers: [] },
    status: {
      phase,
      conditions: [
        {
          type: 'Ready',
          status: readyFor > 0 ? 'True' : 'False',
          lastTransitionTime: ago(readyFor),
        },
      ],
      containerStatuses: [
        { name: 'c', ready: true, restartCount: restarts, image: '', imageID: '' },
      ],
    },
  }
}

suite('rankForDeletion() takes first', () => {
  // Order: pkg/controller/controller_utils.go, ActivePodsWithRanks.Less.
  const cases: readonly {
    name: string
    pods: readonly Pod[]
    related?: readonly Pod[]
    want: string
  }[] = [
    {
      name: 'a pod without a node',
      pods: [pod('a', { readyFor: 0 }), pod('b', { node: '', phase: 'Pending', readyFor: 0 })],
      want: 'b',
    },
    {
      name: 'a pending one before a running one',
      pods: [pod('a', { readyFor: 0 }), pod('b', { phase: 'Pending', readyFor: 0 })],
      want: 'b',
    },
    { name: 'one that is not ready', pods: [pod('a'), pod('b', { readyFor: 0 })], want: 'b' },
    {
      name: 'a cheap one',
      pods: [pod('a', { cost: '10' }), pod('b', { cost: '-5' }), pod('c')],
      want: 'b',
    },
    {
      name: 'not ready before cheap',
      pods: [pod('a', { cost: '-100' }), pod('b', { readyFor: 0, cost: '100' })],
      want: 'b',
    },
    {
      name: 'one that shares its node with siblings',
      pods: [pod('a', { node: 'node1' }), pod('b', { node: 'node2' })],
      related: [pod('a'), pod('b', { node: 'node2' }), pod('old', { node: 'node2' })],
      want: 'b',
    },
    {
      name: 'one that became ready lately',
      pods: [pod('a', { readyFor: 7200 }), pod('b', { readyFor: 60 })],
      want: 'b',
    },
    {
      name: 'one that restarted more often',
      pods: [pod('a'), pod('b', { restarts: 3 })],
      want: 'b',
    },
    {
      name: 'a younger one',
      pods: [pod('a', { age: 100_000 }), pod('b', { age: 5000 })],
      want: 'b',
    },
  ]
  for (const { name, pods, related = pods, want } of cases) {
    test(name, () => {
      assert.equal(rankForDeletion(pods, related, NOW)[0]?.metadata.name, want)
      assert.equal(rankForDeletion(pods.toReversed(), related, NOW)[0]?.metadata.name, want)
    })
  }
})

const set = (replicas: number): ReplicaSet => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { nodeName: 'node1', containers: [{ name: 'c' }] },
    },
  },
})
const key = { namespace: 'default', name: 'web' }

function start(cluster: TestCluster): void {
  const { api, follow } = cluster
  cluster.run(
    replicaSetController({
      api,
      replicaSets: follow(resources.replicaSets),
      pods: follow(resources.pods),
      events: eventsOf(api, 'replicaset-controller'),
    }),
  )
  cluster.run(fakeKubelet(cluster))
}
const statusOf = async ({ api }: TestCluster) => (await api.get(resources.replicaSets, key))?.status
const isReady = (cluster: TestCluster, count: number) => async () =>
  (await statusOf(cluster))?.readyReplicas === count
const labelled = (name: string): Pod => ({
  metadata: { name, namespace: 'default', labels: { app: 'web' } },
  spec: { nodeName: 'node1', containers: [] },
})

suite('replicaSetController()', () => {
  test('makes pods, and replaces one that is deleted', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.replicaSets, set(3))
    await cluster.until('three', isReady(cluster, 3))
    const [victim, ...others] = await cluster.list(resources.pods)
    await cluster.api.delete(resources.pods, victim!.metadata)
    await cluster.until('replaced', async () => {
      const names = (await cluster.list(resources.pods)).map(({ metadata }) => metadata.name)
      return (
        names.length === 3 &&
        !names.includes(victim!.metadata.name) &&
        others.every(({ metadata }) => names.includes(metadata.name))
      )
    })
    const { conditions, ...status } = (await statusOf(cluster))!
    assert.deepEqual(
      [status, conditions ?? []],
      [
        {
          replicas: 3,
          fullyLabeledReplicas: 3,
          readyReplicas: 3,
          availableReplicas: 3,
          observedGeneration: 1,
        },
        [],
      ],
    )
  })

  test('adopts a matching pod, and releases one whose label changes', async () => {
    await using cluster = createTestCluster()
    await cluster.api.create(resources.pods, labelled('orphan'))
    start(cluster)
    const owner = await cluster.api.create(resources.replicaSets, set(1))
    await cluster.until('adopted', isReady(cluster, 1))
    const orphan = { namespace: 'default', name: 'orphan' }
    assert.deepEqual((await cluster.api.get(resources.pods, orphan))?.metadata.ownerReferences, [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: owner.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ])
    await cluster.api.patch(resources.pods, orphan, 'merge', {
      metadata: { labels: { app: 'debug' } },
    })
    await cluster.until('released and replaced', async () => {
      const pods = await cluster.list(resources.pods)
      return (
        pods.length === 2 &&
        pods.some(
          ({ metadata }) => metadata.name === 'orphan' && metadata.ownerReferences?.length === 0,
        )
      )
    })
  })

  test('says what keeps it from making pods, and goes on when it can', async () => {
    await using cluster = createTestCluster()
    const { api } = cluster
    const create = api.create
    let isRefused = true
    api.create = (resource, object, subresource) =>
      isRefused && resource.plural === 'pods'
        ? Promise.reject(new Error('exceeded quota'))
        : create(resource, object, subresource)
    start(cluster)
    await api.create(resources.replicaSets, set(2))
    await cluster.until(
      'said',
      async () =>
        findCondition((await statusOf(cluster))?.conditions, 'ReplicaFailure') !== undefined,
    )
    const { type, status, reason, message } = findCondition(
      (await statusOf(cluster))?.conditions,
      'ReplicaFailure',
    )!
    assert.deepEqual(
      [type, status, reason, message],
      ['ReplicaFailure', 'True', 'FailedCreate', 'exceeded quota'],
    )
    isRefused = false
    await cluster.until('made', isReady(cluster, 2))
    await cluster.until(
      'forgotten',
      async () =>
        findCondition((await statusOf(cluster))?.conditions, 'ReplicaFailure') === undefined,
    )
  })

  test('counts a pod as available only after minReadySeconds', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.replicaSets, {
      ...set(1),
      spec: { ...set(1).spec, minReadySeconds: 1 },
    })
    await cluster.until('ready', isReady(cluster, 1))
    await cluster.until('available', async () => (await statusOf(cluster))?.availableReplicas === 1)
  })
})
