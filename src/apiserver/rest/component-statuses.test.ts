/** Sources: pkg/registry/core/componentstatus/rest.go; printers.go, printComponentStatus. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '../testing/test-server.ts'

const PATH = '/api/v1/componentstatuses'

test('components say whether they work, and that the kind is deprecated', async () => {
  const scheduler = () => {
    throw new Error('it does not run')
  }
  await using server = await startTestServer({
    components: { 'controller-manager': () => {}, scheduler, 'etcd-0': async () => {} },
  })
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const { headers, body } = await server.request('GET', PATH, { headers: { accept } })
  assert.equal(headers.warning, '299 - "v1 ComponentStatus is deprecated in v1.19+"')
  assert.deepEqual(
    body.rows.map(({ cells }: { readonly cells: readonly string[] }) => cells),
    [
      ['controller-manager', 'Healthy', 'ok', ''],
      ['scheduler', 'Unhealthy', '', 'it does not run'],
      ['etcd-0', 'Healthy', 'ok', ''],
    ],
  )
  const one = await server.request('GET', `${PATH}/etcd-0`)
  assert.deepEqual(one.body, {
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    metadata: { name: 'etcd-0' },
    conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
  })
  const missing = await server.request('GET', `${PATH}/etcd-9`)
  assert.deepEqual([missing.code, missing.body.message], [500, 'Component not found: etcd-9'])
})
