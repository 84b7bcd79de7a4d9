/** Source: kubernetes pkg/volume/volume_linux.go (SetVolumeOwnership), pkg/volume/projected (collectData: 0600 where an owner is known). */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pod } from '#api/core.ts'
import { setUpVolumes } from './pod-volumes.ts'

const references = {
  configMap: () => ({ metadata: { name: 'c' }, data: { key: 'v' } }),
  secret: () => undefined,
  token: () => 'secret',
}
const container = { name: 'a', image: 'x' }
const volumes = [
  { name: 'map', configMap: { name: 'c' } },
  { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
  { name: 'empty', emptyDir: {} },
]

async function modesOf(spec: Partial<Pod['spec']>) {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-volumes-'))
  const directories = { podDirectory: join(folder, 'pod'), podRunDirectory: join(folder, 'run') }
  const pod = {
    metadata: { name: 'p', uid: 'u' },
    spec: { containers: [container], volumes, ...spec },
  }
  try {
    await setUpVolumes(pod, directories, references, new Date())
    const show = (path: string) => {
      const { mode, uid, gid } = statSync(join(folder, path))
      return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`
    }
    return {
      map: show('pod/volumes/map/key'),
      token: show('run/volumes/token/token'),
      empty: show('pod/volumes/empty'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('root owns the volumes of a pod that says nothing', async () => {
  assert.deepEqual(await modesOf({}), { map: '644 0:0', token: '644 0:0', empty: '777 0:0' })
})

test('the token of a pod that runs as one user is that user’s alone', async () => {
  assert.deepEqual(await modesOf({ securityContext: { runAsUser: 1000 } }), {
    map: '644 0:0',
    token: '600 1000:0',
    empty: '777 0:0',
  })
})

test('users that differ share no token', async () => {
  const other = { name: 'b', image: 'x', securityContext: { runAsUser: 2000 } }
  const spec = { securityContext: { runAsUser: 1000 }, containers: [container, other] }
  assert.equal((await modesOf(spec)).token, '644 0:0')
})

test('all volumes are the fsGroup’s, and what is no project of the API may be written', async () => {
  assert.deepEqual(await modesOf({ securityContext: { fsGroup: 3000 } }), {
    map: '644 0:3000',
    token: '640 0:3000',
    empty: '2777 0:3000',
  })
})
