import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Deployment } from '#api/apps.ts'
import * as resources from '#api/resources.ts'
import { findCondition } from '../conditions.ts'
import { replicaSetController } from '../replica-set/controller.ts'
import {
  createTestCluster,
  deployment,
  eventsOf,
  fakeKubelet,
  type TestCluster,
  withImage,
} from '../testing-cluster.ts'
import { deploymentController } from './controller.ts'

const key = { namespace: 'default', name: 'web' }

function start(cluster: TestCluster, isReady?: Parameters<typeof fakeKubelet>[1]): void {
  const { api, follow } = cluster
  const [deployments, replicaSets, pods] = [
    follow(resources.deployments),
    follow(resources.replicaSets),
    follow(resources.pods),
  ]
  cluster.run(
    deploymentController({
      api,
      deployments,
      replicaSets,
      pods,
      events: eventsOf(api, 'deployment-controller'),
    }),
  )
  cluster.run(
    replicaSetController({
      api,
      replicaSets,
      pods,
      events: eventsOf(api, 'replicaset-controller'),
    }),
  )
  cluster.run(fakeKubelet(cluster, isReady))
}

/** The condition of `kubectl rollout status`: polymorphichelpers/rollout_status.go. */
async function isRolledOut({ api }: TestCluster): Promise<boolean> {
  const { metadata, spec, status = {} } = (await api.get(resources.deployments, key))!
  const {
    observedGeneration = 0,
    updatedReplicas = 0,
    replicas = 0,
    availableReplicas = 0,
  } = status
  return (
    observedGeneration >= (metadata.generation ?? 0) &&
    updatedReplicas === spec.replicas &&
    replicas === updatedReplicas &&
    availableReplicas === updatedReplicas
  )
}

async function imagesOf(cluster: TestCluster): Promise<readonly (string | undefined)[]> {
  return (await cluster.list(resources.pods)).map(({ spec }) => spec.containers[0]?.image)
}

async function conditionOf({ api }: TestCluster, type: string) {
  const { status } = (await api.get(resources.deployments, key))!
  const { status: value, reason, message } = findCondition(status?.conditions, type) ?? {}
  return { value, reason, message }
}

suite('deploymentController()', () => {
  test('rolls out a first template', async () => {
    await using cluster = createTestCluster()
    await cluster.api.create(resources.deployments, deployment('web', 3))
    start(cluster)
    await cluster.until('rolled out', () => isRolledOut(cluster))
    const [set] = await cluster.list(resources.replicaSets)
    const hash = set!.metadata.labels?.['pod-template-hash']
    assert.equal(set!.metadata.name, `web-${hash}`)
    assert.deepEqual(set!.spec.selector, { matchLabels: { app: 'web', 'pod-template-hash': hash } })
    assert.equal(set!.metadata.annotations?.['deployment.kubernetes.io/revision'], '1')
    const pods = await cluster.list(resources.pods)
    assert.equal(pods.length, 3)
    for (const pod of pods) {
      assert.ok(pod.metadata.name.startsWith(`web-${hash}-`))
      assert.deepEqual(pod.metadata.labels, { app: 'web', 'pod-template-hash': hash })
    }
    // Sentences of kube-controller-manager, as `kubectl describe deployment` shows them.
    assert.deepEqual(await conditionOf(cluster, 'Available'), {
      value: 'True',
      reason: 'MinimumReplicasAvailable',
      message: 'Deployment has minimum availability.',
    })
    assert.deepEqual(await conditionOf(cluster, 'Progressing'), {
      value: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "web-${hash}" has successfully progressed.`,
    })
    const events = await cluster.list(resources.events)
    assert.ok(
      events.some(({ message }) => message === `Scaled up replica set web-${hash} from 0 to 3`),
    )
    assert.equal(
      (await cluster.api.get(resources.deployments, key))?.metadata.annotations?.[
        'deployment.kubernetes.io/revision'
      ],
      '1',
    )
  })

  test('makes exactly the wished number of pods, at no moment more', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.deployments, deployment('web', 20))
    await cluster.until('rolled out', () => isRolledOut(cluster))
    assert.equal(
      cluster.api.requests.filter((request) => request.startsWith('create pods')).length,
      20,
    )
  })

  test('scales up and down', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.deployments, deployment('web', 2))
    await cluster.until('two', () => isRolledOut(cluster))
    for (const replicas of [5, 1, 0]) {
      await cluster.api.patch(resources.deployments, key, 'merge', { spec: { replicas } })
      await cluster.until(`${replicas}`, () => isRolledOut(cluster))
      await cluster.until(
        'pods',
        async () => (await cluster.list(resources.pods)).length === replicas,
      )
    }
  })

  test('rolls to a new template without ever falling below the bounds', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    const first = await cluster.api.create(resources.deployments, deployment('web', 4))
    await cluster.until('rolled out', () => isRolledOut(cluster))
    let fewest = Number.POSITIVE_INFINITY
    let most = 0
    const pods = cluster.follow(resources.pods)
    await pods.synced
    pods.subscribe(() => {
      const all = pods.list().filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      most = Math.max(most, all.length)
      const ready = all.filter(
        ({ status }) => findCondition(status?.conditions, 'Ready')?.status === 'True',
      ).length
      if (all.length >= 4) fewest = Math.min(fewest, ready)
    })
    await cluster.api.patch(
      resources.deployments,
      key,
      'merge',
      withImage(first, 'fairlead.dev/echo:2'),
    )
    await cluster.until('rolled out', () => isRolledOut(cluster))
    await cluster.until(
      'new pods only',
      async () => (await imagesOf(cluster)).join() === Array(4).fill('fairlead.dev/echo:2').join(),
    )
    // 25 % of 4 is one more, and one fewer, while it rolls.
    assert.ok(most <= 5, `${most} pods at a time`)
    assert.ok(fewest >= 3, `${fewest} ready pods at a time`)
    const revisions = (await cluster.list(resources.replicaSets)).map(({ metadata, spec }) => [
      metadata.annotations?.['deployment.kubernetes.io/revision'],
      spec.replicas,
    ])
    assert.deepEqual(revisions, [
      ['1', 0],
      ['2', 4],
    ])
  })

  test('stops at pods that do not become ready, and goes back', async () => {
    await using cluster = createTestCluster()
    start(cluster, ({ spec }) => spec.containers[0]?.image !== 'broken')
    const first = await cluster.api.create(resources.deployments, deployment('web', 3))
    await cluster.until('rolled out', () => isRolledOut(cluster))
    await cluster.api.patch(resources.deployments, key, 'merge', withImage(first, 'broken'))
    await cluster.until('one broken pod', async () => (await imagesOf(cluster)).includes('broken'))
    assert.equal((await imagesOf(cluster)).filter((image) => image !== 'broken').length, 3)
    // As `kubectl rollout undo` does: the former template again, which becomes revision 3.
    await cluster.api.patch(
      resources.deployments,
      key,
      'merge',
      withImage(first, 'fairlead.dev/echo:1'),
    )
    await cluster.until(
      'rolled back',
      async () => (await isRolledOut(cluster)) && !(await imagesOf(cluster)).includes('broken'),
    )
    const annotations = (await cluster.list(resources.replicaSets)).map(
      ({ metadata }) => metadata.annotations ?? {},
    )
    assert.deepEqual(
      annotations.map((all) => all['deployment.kubernetes.io/revision']),
      ['3', '2'],
    )
    assert.equal(annotations[0]?.['deployment.kubernetes.io/revision-history'], '1')
  })

  test('recreates only when the last old pod is gone', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    const first = await cluster.api.create(
      resources.deployments,
      deployment('web', 2, { strategy: { type: 'Recreate' } }),
    )
    await cluster.until('rolled out', () => isRolledOut(cluster))
    const pods = cluster.follow(resources.pods)
    let mixed = false
    pods.subscribe(() => {
      mixed ||= new Set(pods.list().map(({ spec }) => spec.containers[0]?.image)).size > 1
    })
    await cluster.api.patch(
      resources.deployments,
      key,
      'merge',
      withImage(first, 'fairlead.dev/echo:2'),
    )
    await cluster.until(
      'new pods',
      async () =>
        (await isRolledOut(cluster)) && !(await imagesOf(cluster)).includes('fairlead.dev/echo:1'),
    )
    assert.equal(mixed, false)
  })

  test('does not roll while it is paused, but scales', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    const first = await cluster.api.create(resources.deployments, deployment('web', 1))
    await cluster.until('rolled out', () => isRolledOut(cluster))
    await cluster.api.patch(resources.deployments, key, 'merge', {
      spec: { ...withImage(first, 'fairlead.dev/echo:2').spec, paused: true, replicas: 2 },
    })
    await cluster.until('two pods', async () => (await imagesOf(cluster)).length === 2)
    assert.deepEqual(await imagesOf(cluster), ['fairlead.dev/echo:1', 'fairlead.dev/echo:1'])
    await cluster.until(
      'said',
      async () => (await conditionOf(cluster, 'Progressing')).reason === 'DeploymentPaused',
    )
    await cluster.api.patch(resources.deployments, key, 'merge', { spec: { paused: null } })
    await cluster.until(
      'rolled out',
      async () =>
        (await isRolledOut(cluster)) &&
        (await imagesOf(cluster)).every((image) => image === 'fairlead.dev/echo:2'),
    )
  })

  test('keeps as many old replica sets as it is told', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    const first = await cluster.api.create(
      resources.deployments,
      deployment('web', 1, { revisionHistoryLimit: 1 }),
    )
    for (const version of [2, 3, 4]) {
      await cluster.until('rolled out', () => isRolledOut(cluster))
      await cluster.api.patch(
        resources.deployments,
        key,
        'merge',
        withImage(first, `fairlead.dev/echo:${version}`),
      )
    }
    await cluster.until(
      'two sets',
      async () =>
        (await isRolledOut(cluster)) && (await cluster.list(resources.replicaSets)).length === 2,
    )
  })

  test('adopts a replica set of its template that nobody owns', async () => {
    await using cluster = createTestCluster()
    const wanted: Deployment = deployment('web', 1)
    await cluster.api.create(resources.replicaSets, {
      metadata: { name: 'web-old', namespace: 'default', labels: { app: 'web' } },
      spec: { replicas: 1, selector: wanted.spec.selector, template: wanted.spec.template },
    })
    start(cluster)
    await cluster.api.create(resources.deployments, wanted)
    await cluster.until('rolled out', () => isRolledOut(cluster))
    assert.deepEqual(
      (await cluster.list(resources.replicaSets)).map(({ metadata }) => metadata.name),
      ['web-old'],
    )
  })

  test('is quiet when there is nothing to do', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.deployments, deployment('web', 2))
    await cluster.until('rolled out', () => isRolledOut(cluster))
    const writes = () =>
      cluster.api.requests.filter((request) => /^(create|update|patch|delete)/.test(request)).length
    await new Promise((resolve) => setTimeout(resolve, 100))
    const before = writes()
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(writes(), before)
  })
})
