import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import type { Informer } from '#client/informer.ts'
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
    // Source of the sentence: pkg/controller/namespace/deletion/namespaced_resources_deleter.go.
    await cluster.until('said', async () => {
      const conditions = (await cluster.api.get(resources.namespaces, { name: 'ns1' }))?.status
        ?.conditions
      return (
        conditions?.[0]?.message ===
        'Some resources are remaining: configmaps has 1 resource instances'
      )
    })
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
