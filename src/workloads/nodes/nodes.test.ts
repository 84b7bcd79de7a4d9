import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node, Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { findCondition } from '../conditions.ts'
import { createTestCluster, eventsOf, type TestCluster } from '../testing-cluster.ts'
import { LEASE_NAMESPACE, nodeLifecycleController } from './lifecycle-controller.ts'
import { planTaints } from './plan-node-state.ts'
import { podGarbageController } from './pod-garbage-controller.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const node = (ready?: 'True' | 'False' | 'Unknown', spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'node1' },
  spec,
  status: { conditions: ready ? [{ type: 'Ready', status: ready, reason: 'KubeletReady' }] : [] },
})
const pod = (name: string, nodeName?: string): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { ...(nodeName !== undefined && { nodeName }), containers: [] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
})

suite('planTaints()', () => {
  const mine = { key: 'dedicated', value: 'db', effect: 'NoSchedule' } as const
  const notReady = {
    key: 'node.kubernetes.io/not-ready',
    effect: 'NoSchedule',
    timeAdded: '2026-11-21T12:00:00Z',
  } as const
  // Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go, nodeConditionToTaintKeyStatusMap.
  const cases: readonly { name: string; node: Node; want: readonly string[] | undefined }[] = [
    { name: 'none while it is ready', node: node('True', { taints: [mine] }), want: undefined },
    { name: 'not-ready', node: node('False'), want: ['node.kubernetes.io/not-ready'] },
    {
      name: 'not-ready before it said anything',
      node: node(),
      want: ['node.kubernetes.io/not-ready'],
    },
    {
      name: 'unreachable, in the place of not-ready',
      node: node('Unknown', { taints: [mine, notReady] }),
      want: ['dedicated', 'node.kubernetes.io/unreachable'],
    },
    {
      name: 'unschedulable when it is cordoned',
      node: node('True', { unschedulable: true }),
      want: ['node.kubernetes.io/unschedulable'],
    },
    { name: 'none again', node: node('True', { taints: [notReady, mine] }), want: ['dedicated'] },
    { name: 'the same again', node: node('False', { taints: [notReady] }), want: undefined },
  ]
  for (const { name, node, want } of cases)
    test(name, () =>
      assert.deepEqual(
        planTaints(node, NOW)?.map(({ key }) => key),
        want,
      ),
    )
})

suite('nodeLifecycleController()', () => {
  function start(cluster: TestCluster) {
    const { api, follow } = cluster
    const clock = { ms: 0 }
    const leases = follow(resources.leases)
    cluster.run(
      nodeLifecycleController({
        api,
        leases,
        nodes: follow(resources.nodes),
        pods: follow(resources.pods),
        events: eventsOf(api, 'node-controller'),
        elapsed: () => clock.ms,
      }),
    )
    return clock
  }
  const lease = (renewTime: string) => ({
    metadata: { name: 'node1', namespace: LEASE_NAMESPACE },
    spec: { renewTime },
  })
  const renew = (cluster: TestCluster, renewTime: string) =>
    cluster.api.patch(resources.leases, { namespace: LEASE_NAMESPACE, name: 'node1' }, 'merge', {
      spec: { renewTime },
    })
  const readyOf = async ({ api }: TestCluster) =>
    findCondition((await api.get(resources.nodes, { name: 'node1' }))?.status?.conditions, 'Ready')
  /** Any change makes the controller look. */
  const touch = (cluster: TestCluster, what: string) =>
    cluster.api.patch(resources.nodes, { name: 'node1' }, 'merge', {
      metadata: { labels: { touched: what } },
    })
  const untilSeen = (cluster: TestCluster, before: number) =>
    cluster.until('looked', async () => cluster.api.requests.length > before)

  test('gives up a node 40 s after its last sign, and its pods with it', async () => {
    await using cluster = createTestCluster()
    await cluster.api.create(resources.leases, lease('2026-11-21T12:00:00.000000Z'))
    await cluster.api.create(resources.nodes, node('True'))
    await cluster.api.create(resources.pods, pod('a', 'node1'))
    await cluster.api.create(resources.pods, pod('b', 'node2'))
    const clock = start(cluster)
    await untilSeen(cluster, 8)
    clock.ms = 39_000
    await touch(cluster, '1')
    await renew(cluster, '2026-11-21T12:00:10.000000Z')
    clock.ms = 78_000
    await touch(cluster, '2')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal((await readyOf(cluster))?.status, 'True')
    clock.ms = 120_000
    await touch(cluster, '3')
    await cluster.until('unknown', async () => (await readyOf(cluster))?.status === 'Unknown')
    const { reason, message } = (await readyOf(cluster))!
    assert.deepEqual(
      [reason, message],
      ['NodeStatusUnknown', 'Kubelet stopped posting node status.'],
    )
    const readiness = async () =>
      (await cluster.list(resources.pods))
        .map(({ status }) => findCondition(status?.conditions, 'Ready')?.status)
        .join()
    await cluster.until('its pod is not ready', async () => (await readiness()) === 'False,True')
    const taints = (await cluster.api.get(resources.nodes, { name: 'node1' }))?.spec?.taints
    assert.deepEqual(
      taints?.map(({ key, effect }) => [key, effect]),
      [['node.kubernetes.io/unreachable', 'NoSchedule']],
    )
  })
})

suite('podGarbageController()', () => {
  test('deletes the pods of a node that is gone, and no others', async () => {
    await using cluster = createTestCluster()
    const { api, follow } = cluster
    await api.create(resources.nodes, node('True'))
    for (const [name, nodeName] of [
      ['kept', 'node1'],
      ['lost', 'node9'],
      ['waiting', undefined],
    ] as const)
      await api.create(resources.pods, pod(name, nodeName))
    cluster.run(
      podGarbageController({ api, nodes: follow(resources.nodes), pods: follow(resources.pods) }),
    )
    const names = async () =>
      (await cluster.list(resources.pods)).map(({ metadata }) => metadata.name).join()
    await cluster.until('one deleted', async () => (await names()) === 'kept,waiting')
    await api.delete(resources.nodes, { name: 'node1' })
    await cluster.until('two deleted', async () => (await names()) === 'waiting')
  })
})
