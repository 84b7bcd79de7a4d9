/** Expected behaviour: pkg/controller/daemon/daemon_controller_test.go and update_test.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DaemonSet } from '#api/apps.ts'
import type { Node, Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { targetNodeOf } from '../node-affinity.ts'
import { createTestCluster, eventsOf, fakeKubelet } from '../testing-cluster.ts'
import { daemonSetController } from './controller.ts'
import { planDaemonSet, planStatus } from './plan.ts'
import { daemonPod, judgeNode } from './pod.ts'

const nodeOf = (name: string, more: Node['spec'] = {}, labels = {}): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec: more,
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
})
const setOf = (
  more: Partial<DaemonSet['spec']> = {},
  spec: Partial<Pod['spec']> = {},
): DaemonSet => ({
  metadata: { name: 'agent', namespace: 'default', uid: 'set' },
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    template: {
      metadata: { labels: { app: 'agent' } },
      spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
    },
    ...more,
  },
})
const three = ['node1', 'node2', 'node3'].map((name) => nodeOf(name))
let made = 0
const podOn = (node: string, hash: string, isReady = true): Pod => {
  const pod = daemonPod(setOf(), node, hash)
  const name = `agent-${++made}`
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      name,
      uid: name,
      creationTimestamp: `2026-11-29T00:00:${10 + made}Z`,
    },
    spec: { ...pod.spec, nodeName: node },
    status: {
      phase: 'Running',
      conditions: isReady ? [{ type: 'Ready', status: 'True' }] : [],
    },
  }
}
const taint = (key: string, effect: 'NoSchedule' | 'NoExecute') => ({ taints: [{ key, effect }] })

suite('a DaemonSet', () => {
  const rows = [
    { name: 'wants a node', node: nodeOf('a'), want: 'run' },
    {
      name: 'wants one that is cordoned',
      node: nodeOf('a', taint('node.kubernetes.io/unschedulable', 'NoSchedule')),
      want: 'run',
    },
    {
      name: 'wants one that is not ready',
      node: nodeOf('a', taint('node.kubernetes.io/not-ready', 'NoExecute')),
      want: 'run',
    },
    {
      name: 'stays on one that takes no more',
      node: nodeOf('a', taint('x', 'NoSchedule')),
      want: 'stay',
    },
    {
      name: 'leaves one that puts pods out',
      node: nodeOf('a', taint('x', 'NoExecute')),
      want: 'leave',
    },
    {
      name: 'leaves one without its label',
      node: nodeOf('a'),
      spec: { nodeSelector: { disk: 'ssd' } },
      want: 'leave',
    },
    {
      name: 'wants one with its label',
      node: nodeOf('a', {}, { disk: 'ssd' }),
      spec: { nodeSelector: { disk: 'ssd' } },
      want: 'run',
    },
  ] as const
  for (const { name, node, want, ...rest } of rows) {
    test(name, () => {
      const { shouldRun, mayStay } = judgeNode(setOf({}, 'spec' in rest ? rest.spec : {}), node)
      assert.equal(shouldRun ? 'run' : mayStay ? 'stay' : 'leave', want)
    })
  }
  test('gives a pod to every node that has none, and takes the younger of two', () => {
    const pods = [podOn('node1', 'new'), podOn('node1', 'new')]
    const plan = planDaemonSet(setOf(), three, pods, 'new', Date.now())
    assert.deepEqual(plan.create, ['node2', 'node3'])
    assert.deepEqual(plan.remove, [pods[1]])
  })
  test('binds a pod to its node by affinity', () => {
    assert.equal(targetNodeOf(daemonPod(setOf(), 'node2', 'h')), 'node2')
  })
  test('replaces one old pod at a time', () => {
    const pods = three.map(({ metadata }) => podOn(metadata.name, 'old'))
    assert.equal(planDaemonSet(setOf(), three, pods, 'new', Date.now()).remove.length, 1)
  })
  test('replaces none while a new one is not ready', () => {
    const pods = [podOn('node1', 'new', false), podOn('node2', 'old'), podOn('node3', 'old')]
    assert.deepEqual(planDaemonSet(setOf(), three, pods, 'new', Date.now()).remove, [])
  })
  test('replaces old ones that do not work at once', () => {
    const pods = three.map(({ metadata }) => podOn(metadata.name, 'old', false))
    assert.equal(planDaemonSet(setOf(), three, pods, 'new', Date.now()).remove.length, 3)
  })
  test('replaces none with OnDelete', () => {
    const pods = three.map(({ metadata }) => podOn(metadata.name, 'old'))
    const set = setOf({ updateStrategy: { type: 'OnDelete' } })
    assert.deepEqual(planDaemonSet(set, three, pods, 'new', Date.now()).remove, [])
  })
  test('surges: the new pod first, then the old one goes', () => {
    const rollingUpdate = { maxUnavailable: 0, maxSurge: 1 }
    const set = setOf({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } })
    const old = three.map(({ metadata }) => podOn(metadata.name, 'old'))
    assert.deepEqual(planDaemonSet(set, three, old, 'new', Date.now()).create, ['node1'])
    const both = [...old, podOn('node1', 'new')]
    assert.deepEqual(planDaemonSet(set, three, both, 'new', Date.now()).remove, [old[0]])
  })
  test('counts', () => {
    const pods = [podOn('node1', 'new'), podOn('node2', 'old', false)]
    assert.deepEqual(planStatus(setOf(), three, pods, 'new', 0, Date.now()), {
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      desiredNumberScheduled: 3,
      numberReady: 1,
      observedGeneration: 0,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
      numberUnavailable: 2,
    })
  })
})

test('a DaemonSet runs on every node, is rolled, and follows a new node', async () => {
  await using cluster = createTestCluster()
  const { api } = cluster
  const pods = cluster.follow(resources.pods)
  for (const node of three) await api.create(resources.nodes, node)
  cluster.run(
    daemonSetController({
      api,
      daemonSets: cluster.follow(resources.daemonSets),
      pods,
      nodes: cluster.follow(resources.nodes),
      revisions: cluster.follow(resources.controllerRevisions),
      events: eventsOf(api, 'daemonset-controller'),
    }),
  )
  // Binds each pod where it belongs, as the scheduler does.
  cluster.run({
    name: 'binder',
    informers: [pods],
    start: (enqueue) => pods.subscribe(({ object }) => enqueue(object.metadata)),
    async reconcile(key) {
      const pod = pods.get(key)
      const node = pod && targetNodeOf(pod)
      if (!pod || pod.spec.nodeName || !node) return undefined
      pods.remember(await api.patch(resources.pods, key, 'merge', { spec: { nodeName: node } }))
      return undefined
    },
  })
  cluster.run(fakeKubelet(cluster))
  const { uid: _, ...metadata } = setOf().metadata
  await api.create(resources.daemonSets, { ...setOf(), metadata })
  const status = async () => (await api.get(resources.daemonSets, metadata))?.status
  await cluster.until('three are ready', async () => (await status())?.numberReady === 3)
  const template = { spec: { containers: [{ name: 'c', image: 'i:2' }] } }
  await api.patch(resources.daemonSets, metadata, 'merge', { spec: { template } })
  await cluster.until('three are new and available', async () => {
    const now = await status()
    return now?.updatedNumberScheduled === 3 && now.numberAvailable === 3
  })
  await api.create(resources.nodes, nodeOf('node4'))
  await cluster.until('four are ready', async () => (await status())?.numberReady === 4)
})
