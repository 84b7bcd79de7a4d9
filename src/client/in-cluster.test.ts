import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { loadInClusterAccess } from './in-cluster.ts'

suite('loadInClusterAccess()', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' }

  test('takes server, authority and token, the token anew each time', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'service-account-'))
    try {
      writeFileSync(join(folder, 'ca.crt'), 'PEM')
      writeFileSync(join(folder, 'token'), 'first\n')
      const { server, caPEM, token } = await loadInClusterAccess(env, folder)
      assert.deepEqual([server, caPEM], ['https://10.96.0.1:443', 'PEM'])
      assert.equal(await token?.(), 'first')
      writeFileSync(join(folder, 'token'), 'second')
      assert.equal(await token?.(), 'second')
      const six = await loadInClusterAccess({ ...env, KUBERNETES_SERVICE_HOST: 'fd00::1' }, folder)
      assert.equal(six.server, 'https://[fd00::1]:443')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  const refusals = [
    // k8s.io/client-go/rest/config.go, ErrNotInCluster
    {
      name: 'outside of a pod',
      env: { KUBERNETES_SERVICE_PORT: '443' },
      why: /^unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined$/,
    },
    {
      name: 'in a pod without a service account',
      env,
      why: /^Cannot use the pod's service account: there is no \/nowhere\/token$/,
    },
  ]
  for (const row of refusals) {
    test(`fails ${row.name}`, () =>
      assert.rejects(loadInClusterAccess(row.env, '/nowhere'), { message: row.why }))
  }
})
