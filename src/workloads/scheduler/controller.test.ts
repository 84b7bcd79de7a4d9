import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node, Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { findCondition } from '../conditions.ts'
import { createTestCluster, eventsOf, type TestCluster } from '../testing-cluster.ts'
import { scheduler } from './controller.ts'

const pod = (name: string): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c' }] },
})
const node = (name: string): Node => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
})

function start(cluster: TestCluster): void {
  const { api, follow } = cluster
  cluster.run(
    scheduler({
      api,
      pods: follow(resources.pods),
      nodes: follow(resources.nodes),
      services: follow(resources.services),
      events: eventsOf(api, 'default-scheduler'),
    }),
  )
}
const nodeNames = async ({ list }: TestCluster) =>
  (await list(resources.pods)).map(({ spec }) => spec.nodeName)
const messages = async ({ list }: TestCluster, reason: string) =>
  (await list(resources.events))
    .filter((event) => event.reason === reason)
    .map(({ message }) => message)

suite('scheduler()', () => {
  test('spreads pods that come all at once', async () => {
    await using cluster = createTestCluster()
    for (const name of ['node1', 'node2', 'node3'])
      await cluster.api.create(resources.nodes, node(name))
    start(cluster)
    await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => cluster.api.create(resources.pods, pod(name))),
    )
    await cluster.until('all bound', async () =>
      (await nodeNames(cluster)).every((name) => name !== undefined),
    )
    assert.deepEqual((await nodeNames(cluster)).toSorted(), [
      'node1',
      'node1',
      'node2',
      'node2',
      'node3',
      'node3',
    ])
    assert.ok(
      (await messages(cluster, 'Scheduled')).includes('Successfully assigned default/a to node1'),
    )
  })

  test('says why a pod waits, once, and goes on when a node comes', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.pods, pod('a'))
    await cluster.until(
      'refused',
      async () => (await messages(cluster, 'FailedScheduling')).length > 0,
    )
    const condition = findCondition(
      (await cluster.list(resources.pods))[0]?.status?.conditions,
      'PodScheduled',
    )
    assert.deepEqual(
      [condition?.status, condition?.reason, condition?.message],
      ['False', 'Unschedulable', 'no nodes available to schedule pods'],
    )
    await cluster.api.create(resources.nodes, node('node1'))
    await cluster.until('bound', async () => (await nodeNames(cluster))[0] === 'node1')
    assert.deepEqual(await messages(cluster, 'FailedScheduling'), [
      'no nodes available to schedule pods',
    ])
  })

  test('leaves other schedulers’ pods alone', async () => {
    await using cluster = createTestCluster()
    await cluster.api.create(resources.nodes, node('node1'))
    start(cluster)
    await cluster.api.create(resources.pods, {
      ...pod('theirs'),
      spec: { ...pod('x').spec, schedulerName: 'other' },
    })
    await cluster.api.create(resources.pods, pod('ours'))
    await cluster.until('ours is bound', async () => (await nodeNames(cluster)).includes('node1'))
    assert.deepEqual(await nodeNames(cluster), [undefined, 'node1'])
  })
})
