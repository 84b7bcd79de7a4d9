import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ConfigMap } from '#api/core.ts'
import type { KubernetesObject, OwnerReference } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import type { Informer } from '#client/informer.ts'
import { silentLog } from '#log/log.ts'
import { createTestCluster, type TestCluster } from '../testing-cluster.ts'
import { garbageCollector } from './controller.ts'
import { type OwnerState, planGarbage } from './plan-garbage.ts'

suite('planGarbage()', () => {
  const reference = (uid: string): OwnerReference => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: uid,
    uid,
  })
  // Source: pkg/controller/garbagecollector/garbagecollector.go, attemptToDeleteItem.
  const cases: readonly {
    name: string
    owners: readonly OwnerState[]
    finalizers?: readonly string[]
    leaving?: boolean
    dependents?: boolean
    want: ReturnType<typeof planGarbage>
  }[] = [
    { name: 'nobody owns it', owners: [], want: { kind: 'keep' } },
    { name: 'its owner is there', owners: ['present'], want: { kind: 'keep' } },
    {
      name: 'its owner is gone',
      owners: ['absent'],
      want: { kind: 'delete', policy: 'Background' },
    },
    {
      name: 'one of two owners is gone',
      owners: ['present', 'absent'],
      want: { kind: 'drop-owners', uids: ['1'] },
    },
    {
      name: 'all owners are gone',
      owners: ['absent', 'absent'],
      want: { kind: 'delete', policy: 'Background' },
    },
    {
      name: 'its owner waits for it',
      owners: ['waits-for-dependents'],
      want: { kind: 'delete', policy: 'Background' },
    },
    {
      name: 'its owner waits, and it has dependents itself',
      owners: ['waits-for-dependents'],
      dependents: true,
      want: { kind: 'delete', policy: 'Foreground' },
    },
    { name: 'it is going already', owners: ['absent'], leaving: true, want: { kind: 'keep' } },
    {
      name: 'its own dependents shall stay',
      owners: ['absent'],
      finalizers: ['orphan'],
      want: { kind: 'delete', policy: 'Orphan' },
    },
  ]
  for (const {
    name,
    owners,
    finalizers = [],
    leaving = false,
    dependents = false,
    want,
  } of cases) {
    test(name, () => {
      const object = {
        metadata: {
          name: 'x',
          finalizers,
          ...(leaving && { deletionTimestamp: '2026-11-21T00:00:00Z' }),
        },
      }
      const known = owners.map((state, index) => ({ reference: reference(String(index)), state }))
      assert.deepEqual(planGarbage(object, known, dependents), want)
    })
  }
})

suite('garbageCollector()', () => {
  const map = (name: string, owner?: ConfigMap, more: Partial<OwnerReference> = {}): ConfigMap => ({
    metadata: {
      name,
      namespace: 'default',
      ...(owner && {
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            name: owner.metadata.name,
            uid: owner.metadata.uid!,
            ...more,
          },
        ],
      }),
    },
  })
  const key = (name: string) => ({ namespace: 'default', name })

  function start(cluster: TestCluster): void {
    const watched = [
      {
        resource: resources.configMaps,
        informer: cluster.follow(resources.configMaps) as Informer<KubernetesObject>,
      },
    ]
    cluster.run(garbageCollector(cluster.api, watched))
  }
  const names = async ({ list }: TestCluster) =>
    (await list(resources.configMaps)).map(({ metadata }) => metadata.name).join()

  async function family(cluster: TestCluster) {
    const owner = await cluster.api.create(resources.configMaps, map('owner'))
    const child = await cluster.api.create(
      resources.configMaps,
      map('child', owner, { blockOwnerDeletion: true }),
    )
    await cluster.api.create(
      resources.configMaps,
      map('grandchild', child, { blockOwnerDeletion: true }),
    )
    await cluster.api.create(resources.configMaps, map('stranger'))
  }

  test('deletes the descendants of what was deleted', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await family(cluster)
    await cluster.api.delete(resources.configMaps, key('owner'))
    await cluster.until('gone', async () => (await names(cluster)) === 'stranger')
  })

  test('deletes what lost its owner while nobody looked', async () => {
    await using cluster = createTestCluster()
    await family(cluster)
    await cluster.api.delete(resources.configMaps, key('owner'))
    start(cluster)
    await cluster.until('gone', async () => (await names(cluster)) === 'stranger')
  })

  test('deletes descendants first, in the foreground', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await family(cluster)
    const order: string[] = []
    const informer = cluster.follow(resources.configMaps)
    informer.subscribe(
      ({ type, object }) => void (type === 'deleted' && order.push(object.metadata.name)),
    )
    await informer.synced
    await cluster.api.delete(resources.configMaps, key('owner'), {
      propagationPolicy: 'Foreground',
    })
    await cluster.until(
      'gone',
      async () => (await names(cluster)) === 'stranger' && order.length === 3,
    )
    assert.deepEqual(order, ['grandchild', 'child', 'owner'])
  })

  test('leaves orphans where it is told to', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await family(cluster)
    await cluster.api.delete(resources.configMaps, key('owner'), { propagationPolicy: 'Orphan' })
    await cluster.until(
      'owner gone',
      async () => (await names(cluster)) === 'child,grandchild,stranger',
    )
    assert.deepEqual(
      (await cluster.api.get(resources.configMaps, key('child')))?.metadata.ownerReferences,
      [],
    )
  })

  test('takes an owner of the same name for another one', async () => {
    await using cluster = createTestCluster()
    const owner = await cluster.api.create(resources.configMaps, map('owner'))
    await cluster.api.create(resources.configMaps, map('child', owner))
    await cluster.api.delete(resources.configMaps, key('owner'))
    await cluster.api.create(resources.configMaps, map('owner'))
    start(cluster)
    await cluster.until('child gone', async () => (await names(cluster)) === 'owner')
  })

  test('keeps what a kind owns that is not watched', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    const owner = await cluster.api.create(resources.configMaps, map('owner'))
    await cluster.api.create(
      resources.configMaps,
      map('kept', owner, { kind: 'Widget', apiVersion: 'example.com/v1' }),
    )
    await cluster.api.create(
      resources.configMaps,
      map('dropped', { metadata: { name: 'nobody', uid: 'none' } }),
    )
    await cluster.until('dropped', async () => (await names(cluster)) === 'owner,kept')
  })
})

const WIDGETS: resources.Resource = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
}

suite('garbageCollector(), of kinds that users bring', () => {
  const definition = (name: string) => ({
    metadata: { name },
    spec: { group: '', names: { plural: '', kind: '' }, scope: '', versions: [] },
  })
  const part = (name: string, uid: string): KubernetesObject => ({
    metadata: {
      name,
      namespace: 'default',
      ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'owner', uid }],
    },
  })

  test('follows them as they come', async () => {
    await using cluster = createTestCluster()
    const signal = cluster.signal
    const definitions = cluster.follow(resources.customResourceDefinitions)
    cluster.run(garbageCollector(cluster.api, [], { definitions, log: silentLog, signal }))
    cluster.api.custom = [WIDGETS]
    await cluster.api.create(resources.customResourceDefinitions, definition('widgets.example.com'))
    const owner = await cluster.api.create(WIDGETS, {
      metadata: { name: 'owner', namespace: 'default' },
    })
    const { uid = '' } = owner.metadata
    await cluster.api.create(WIDGETS, part('part', uid))
    await cluster.api.create(resources.configMaps, part('settings', uid))
    await cluster.api.delete(WIDGETS, { namespace: 'default', name: 'owner' })
    await cluster.until('gone', async () => {
      const left = [...(await cluster.list(WIDGETS)), ...(await cluster.list(resources.configMaps))]
      return left.length === 0
    })
  })
})
