import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { filesOfDownwardAPI, filesOfProjected } from './plan-projected.ts'
import { PodTokens } from './pod-tokens.ts'

const pod: Pod = {
  metadata: { name: 'p', namespace: 'shop', uid: 'u', labels: { b: '2', a: 'x"y' } },
  spec: { serviceAccountName: 'robot', containers: [] },
}
const references = {
  configMap: (name: string) =>
    name === 'm' ? { metadata: { name }, data: { 'ca.crt': 'CA', x: 'y' } } : undefined,
  secret: () => ({ metadata: { name: 's' }, data: { k: 'czNjcmV0' } }),
  token: () => 'T',
}
const shown = (files: ReturnType<typeof filesOfProjected>) =>
  files.map(({ path, bytes, mode }) => `${path} ${Buffer.from(bytes)} ${mode.toString(8)}`)

// Source: kubernetes pkg/volume/projected and pkg/volume/downwardapi, pkg/fieldpath.
suite('a projected volume', () => {
  test('is what clients in pods look for', () =>
    assert.deepEqual(
      shown(
        filesOfProjected(
          {
            sources: [
              { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
              { configMap: { name: 'm', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
              {
                downwardAPI: {
                  items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }],
                },
              },
            ],
            defaultMode: 0o640,
          },
          pod,
          references,
        ),
      ),
      ['token T 640', 'ca.crt CA 640', 'namespace shop 640'],
    ))
  test('has the modes of its items, and of two sources for a path the later', () =>
    assert.deepEqual(
      shown(
        filesOfProjected(
          {
            sources: [
              { configMap: { name: 'm', items: [{ key: 'x', path: 'k', mode: 0o400 }] } },
              { secret: { name: 's', items: [{ key: 'k', path: 'k', mode: 0o444 }] } },
            ],
          },
          pod,
          references,
        ),
      ),
      ['k s3cret 444'],
    ))
  test('waits for what is missing', () =>
    assert.throws(
      () => filesOfProjected({ sources: [{ configMap: { name: 'none' } }] }, pod, references),
      { message: 'configmap "none" not found' },
    ))
  test('shows labels as lines', () =>
    assert.deepEqual(
      shown(
        filesOfDownwardAPI(
          { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
          0o644,
          pod,
        ),
      ),
      ['labels a="x\\"y"\nb="2" 644'],
    ))
})

// Source: kubernetes pkg/kubelet/token/token_manager_test.go, TestRequiresRefresh: at 80 % of the time, or after a day.
test('a token is renewed before it ends, and asked for once until then', async () => {
  let now = 0
  let issued = 0
  const api = createFakeAPI()
  const asked: unknown[] = []
  const tokens = new PodTokens(
    {
      ...api,
      create: async (_: unknown, object: { spec?: unknown }) => {
        asked.push(object.spec)
        return { ...object, status: { token: `t${++issued}` } }
      },
    } as never,
    () => now,
  )
  const get = (expirationSeconds: number) => tokens.get(pod, { path: 'token', expirationSeconds })
  assert.equal(await get(1000), 't1')
  now = 799_000
  assert.equal(await get(1000), 't1')
  now = 801_000
  assert.equal(await get(1000), 't2')
  assert.equal(await get(10 ** 6), 't3')
  now += 86_500_000
  assert.equal(await get(10 ** 6), 't4')
  tokens.forget('u')
  assert.equal(await get(10 ** 6), 't5')
  assert.deepEqual(asked[0], {
    expirationSeconds: 1000,
    boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' },
  })
})
