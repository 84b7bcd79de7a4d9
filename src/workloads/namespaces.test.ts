import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import type { Informer } from '#client/informer.ts'
import { findCondition } from './conditions.ts'
import { withDeletionConditions } from './namespace-conditions.ts'
import { namespaceController } from './namespaces.ts'
import { serviceAccountController } from './service-accounts.ts'
import { createTestCluster, fakeKubelet, type TestCluster } from './testing-cluster.ts'

function start(cluster: TestCluster): void {
  const { api, follow } = cluster
  const contents = [follow(resources.pods)] as unknown as readonly Informer<KubernetesObject>[]
  cluster.run(namespaceController({ api, namespaces: follow(resources.namespaces), contents }))
}
const namespace = { metadata: { name: 'ns1' }, spec: { finalizers: ['kubernetes'] } }

suite('namespaceController()', () => {
  test('empties a namespace and lets it go', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    cluster.run(fakeKubelet(cluster))
    await cluster.api.create(resources.namespaces, namespace)
    await cluster.api.create(resources.configMaps, { metadata: { name: 'c', namespace: 'ns1' } })
    await cluster.api.create(resources.configMaps, { metadata: { name: 'c', namespace: 'other' } })
    await cluster.api.create(resources.pods, {
      metadata: { name: 'p', namespace: 'ns1' },
      spec: { nodeName: 'node1', containers: [] },
    })
    await cluster.api.delete(resources.namespaces, { name: 'ns1' })
    await cluster.until('gone', async () => (await cluster.list(resources.namespaces)).length === 0)
    assert.deepEqual(await cluster.list(resources.pods), [])
    assert.deepEqual(
      (await cluster.list(resources.configMaps)).map(({ metadata }) => metadata.namespace),
      ['other'],
    )
  })

  test('empties it of what users brought, too', async () => {
    await using cluster = createTestCluster()
    const widgets: resources.Resource = {
      group: 'example.com',
      version: 'v1',
      kind: 'Widget',
      plural: 'widgets',
      namespaced: true,
    }
    cluster.api.custom = [widgets]
    start(cluster)
    await cluster.api.create(resources.namespaces, namespace)
    await cluster.api.create(widgets, { metadata: { name: 'w', namespace: 'ns1' } })
    await cluster.api.delete(resources.namespaces, { name: 'ns1' })
    await cluster.until('gone', async () => (await cluster.list(resources.namespaces)).length === 0)
    assert.deepEqual(await cluster.list(widgets), [])
  })

  test('says what it waits for', async () => {
    await using cluster = createTestCluster()
    start(cluster)
    await cluster.api.create(resources.namespaces, namespace)
    await cluster.api.create(resources.configMaps, {
      metadata: { name: 'c', namespace: 'ns1', finalizers: ['example.com/hold'] },
    })
    await cluster.api.delete(resources.namespaces, { name: 'ns1' })
    const conditionsOf = async () =>
      (await cluster.api.get(resources.namespaces, { name: 'ns1' }))?.status?.conditions ?? []
    await cluster.until('said', async () => (await conditionsOf()).length > 0)
    // pkg/controller/namespace/deletion/status_condition_utils.go: conditionTypes, okReasons, okMessages, ProcessContentTotals()
    assert.deepEqual(
      (await conditionsOf()).map(({ type, status, reason, message }) => [
        type,
        status,
        reason,
        message,
      ]),
      [
        [
          'NamespaceDeletionDiscoveryFailure',
          'False',
          'ResourcesDiscovered',
          'All resources successfully discovered',
        ],
        [
          'NamespaceDeletionGroupVersionParsingFailure',
          'False',
          'ParsedGroupVersions',
          'All legacy kube types successfully parsed',
        ],
        [
          'NamespaceDeletionContentFailure',
          'False',
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ],
        [
          'NamespaceContentRemaining',
          'True',
          'SomeResourcesRemain',
          'Some resources are remaining: configmaps. has 1 resource instances',
        ],
        [
          'NamespaceFinalizersRemaining',
          'True',
          'SomeFinalizersRemain',
          'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
        ],
      ],
    )
  })
})

suite('withDeletionConditions()', () => {
  const none = { resources: new Map(), finalizers: new Map(), failures: [] }
  // pkg/controller/namespace/deletion/status_condition_utils.go
  const cases = [
    {
      name: 'what could not be deleted, in order',
      emptying: { ...none, failures: ['b', 'a'] },
      type: 'NamespaceDeletionContentFailure',
      want: [
        'True',
        'ContentDeletionFailed',
        'Failed to delete all resource types, 2 remaining: a, b',
      ],
    },
    {
      name: 'what could not be discovered',
      emptying: { ...none, undiscovered: 'no' },
      type: 'NamespaceDeletionDiscoveryFailure',
      want: ['True', 'DiscoveryFailed', 'no'],
    },
    {
      name: 'that nothing is left',
      emptying: none,
      type: 'NamespaceContentRemaining',
      want: ['False', 'ContentRemoved', 'All content successfully removed'],
    },
    {
      name: 'that no finalizer is left',
      emptying: none,
      type: 'NamespaceFinalizersRemaining',
      want: ['False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    },
  ]
  for (const { name, emptying, type, want } of cases)
    test(`says ${name}`, () => {
      const found = findCondition(withDeletionConditions(undefined, emptying, 0), type)
      assert.deepEqual([found?.status, found?.reason, found?.message], want)
    })

  test('says nothing twice', () => {
    const said = withDeletionConditions(undefined, none, 0)
    assert.equal(withDeletionConditions(said, none, 5_000), said)
  })
})

suite('serviceAccountController()', () => {
  test('makes the default ServiceAccount, and again when it is deleted', async () => {
    await using cluster = createTestCluster()
    const { api, follow } = cluster
    cluster.run(
      serviceAccountController({
        api,
        namespaces: follow(resources.namespaces),
        serviceAccounts: follow(resources.serviceAccounts),
      }),
    )
    await api.create(resources.namespaces, namespace)
    const key = { namespace: 'ns1', name: 'default' }
    await cluster.until(
      'made',
      async () => (await api.get(resources.serviceAccounts, key)) !== undefined,
    )
    const { uid } = (await api.get(resources.serviceAccounts, key))!.metadata
    await api.delete(resources.serviceAccounts, key)
    await cluster.until('made again', async () => {
      const again = await api.get(resources.serviceAccounts, key)
      return again !== undefined && again.metadata.uid !== uid
    })
  })
})
