import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as resources from '#api/resources.ts'
import { runController } from '#client/controller.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { endpointsController } from './endpoints-controller.ts'

// Source: kubernetes pkg/controller/endpoint/endpoints_controller.go, syncService; registry/core/service/storage/storage.go, afterDelete.
test('Endpoints go with their Service, also those made by hand; those of no Service stay', async () => {
  const api = createFakeAPI()
  const abort = new AbortController()
  const { signal } = abort
  const controller = endpointsController({
    api,
    services: createInformer(api, resources.services, signal),
    pods: createInformer(api, resources.pods, signal),
    endpoints: createInformer(api, resources.endpoints, signal),
  })
  const key = (name: string) => ({ namespace: 'default', name })
  const subsets = [{ addresses: [{ ip: '172.30.0.254' }], ports: [{ port: 3306 }] }]
  for (const name of ['database', 'election'])
    await api.create(resources.endpoints, { metadata: key(name), subsets })
  const spec = { ports: [{ port: 3306 }] }
  await api.create(resources.services, { metadata: key('database'), spec })
  const selecting = { ...spec, selector: { app: 'web' } }
  await api.create(resources.services, { metadata: key('web'), spec: selecting })
  const running = runController(controller, silentLog, signal)
  const names = async () =>
    (await api.list(resources.endpoints)).items.map(({ metadata }) => metadata.name).toSorted()
  try {
    const made = async () => (await names()).join() === 'database,election,web'
    await waitFor(made, { what: 'the Endpoints of web' })
    await api.delete(resources.services, key('database'))
    await api.delete(resources.services, key('web'))
    const left = async () => (await names()).join() === 'election'
    await waitFor(left, { what: 'the Endpoints of both to go' })
    // Made again by hand, they are nobody's: their Service may come later.
    await api.create(resources.endpoints, { metadata: key('database'), subsets })
    await api.create(resources.services, { metadata: key('web'), spec: selecting })
    await waitFor(made, { what: 'the Endpoints of web' })
  } finally {
    abort.abort()
    await running
  }
  assert.deepEqual(await names(), ['database', 'election', 'web'])
})
