import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import { writeVolume } from './atomic-volume.ts'
import { filesOfConfigMap, filesOfSecret, VolumeError } from './plan-volume.ts'
import { bindsOf, parseQuantity, referencesOf, setUpVolumes } from './pod-volumes.ts'

const map = { metadata: { name: 'm' }, data: { a: 'x', b: 'y' }, binaryData: { c: 'AAE=' } }

/** A folder that goes when the test ends. */
function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'fairlead-volume-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

// Fields and texts: https://kubernetes.io/docs/concepts/storage/volumes/#configmap, kubernetes pkg/volume/{configmap,secret}.
suite('the files of a volume', () => {
  const shown = (files: ReturnType<typeof filesOfConfigMap>) =>
    files.map(
      ({ path, bytes, mode }) =>
        `${path} ${Buffer.from(bytes).toString('hex')} ${mode.toString(8)}`,
    )
  test('are all keys of a ConfigMap', () =>
    assert.deepEqual(shown(filesOfConfigMap({ name: 'm' }, map)), [
      'a 78 644',
      'b 79 644',
      'c 0001 644',
    ]))
  test('are the items that are asked for, with their modes', () =>
    assert.deepEqual(
      shown(
        filesOfConfigMap(
          {
            name: 'm',
            defaultMode: 0o400,
            items: [
              { key: 'a', path: 'd/e' },
              { key: 'b', path: 'f', mode: 0o600 },
            ],
          },
          map,
        ),
      ),
      ['d/e 78 400', 'f 79 600'],
    ))
  test('of a Secret are decoded', () =>
    assert.deepEqual(
      shown(
        filesOfSecret({ secretName: 's' }, { metadata: { name: 's' }, data: { k: 'czNjcmV0' } }),
      ),
      ['k 733363726574 644'],
    ))
  test('are none where the ConfigMap is optional', () =>
    assert.deepEqual(filesOfConfigMap({ name: 'm', optional: true }, undefined), []))
  const refused = [
    {
      name: 'a ConfigMap that is not there',
      files: () => filesOfConfigMap({ name: 'm' }, undefined),
      message: 'configmap "m" not found',
    },
    {
      name: 'a Secret that is not there',
      files: () => filesOfSecret({ secretName: 's' }, undefined),
      message: 'secret "s" not found',
    },
    {
      name: 'a key that is not there',
      files: () => filesOfConfigMap({ name: 'm', items: [{ key: 'z', path: 'z' }] }, map),
      message: 'configmap references non-existent config key: z',
    },
    {
      name: 'a path out of the volume',
      files: () => filesOfConfigMap({ name: 'm', items: [{ key: 'a', path: '../x' }] }, map),
      message: 'invalid path "../x": it must stay inside the volume',
    },
    {
      name: 'a path over our own names',
      files: () => filesOfConfigMap({ name: 'm', items: [{ key: 'a', path: '..data' }] }, map),
      message: 'invalid path "..data": it must stay inside the volume',
    },
  ]
  for (const { name, files, message } of refused)
    test(`refuse ${name}`, () =>
      assert.throws(files, (error) => error instanceof VolumeError && error.message === message))
})

test('writeVolume() changes all files at once, and nothing when nothing changed', () => {
  using home = folder()
  const file = (path: string, text: string, mode = 0o644) => ({
    path,
    bytes: Buffer.from(text),
    mode,
  })
  const read = (path: string) => readFileSync(join(home.path, path), 'utf8')
  const now = new Date('2026-11-21T12:00:00Z')
  assert.equal(writeVolume(home.path, [file('a', '1', 0o400), file('d/e', '2')], now), true)
  assert.equal(read('a') + read('d/e'), '12')
  assert.equal(statSync(join(home.path, 'a')).mode & 0o777, 0o400)
  assert.equal(readlinkSync(join(home.path, 'a')), '..data/a')
  const data = readlinkSync(join(home.path, '..data'))
  assert.equal(writeVolume(home.path, [file('a', '1', 0o400), file('d/e', '2')], now), false)
  assert.equal(readlinkSync(join(home.path, '..data')), data)
  assert.equal(writeVolume(home.path, [file('a', '3'), file('b', '4')], now), true)
  assert.equal(read('a') + read('b'), '34')
  assert.equal(
    readdirSync(home.path)
      .filter((name) => !name.startsWith('..'))
      .join(),
    'a,b',
  )
  assert.equal(readdirSync(home.path).length, 4) // a, b, ..data and its target: the old one is gone
})

test('a subPath stays in its volume, also where the container has put a link', async () => {
  using home = folder()
  const directories = {
    podDirectory: join(home.path, 'pod'),
    podRunDirectory: join(home.path, 'run'),
  }
  const pod: Pod = {
    metadata: { name: 'p', uid: 'u' },
    spec: { containers: [], volumes: [{ name: 'data', emptyDir: {} }] },
  }
  await setUpVolumes(
    pod,
    directories,
    { configMap: () => undefined, secret: () => undefined, token: () => undefined },
    new Date(),
  )
  const bind = (subPath: string) =>
    bindsOf(
      { name: 'c', volumeMounts: [{ name: 'data', mountPath: '/d', subPath }] },
      pod,
      directories,
    )
  assert.deepEqual(bind('x/y'), [
    { source: join(home.path, 'pod/volumes/data/x/y'), target: '/d', readOnly: false },
  ])
  symlinkSync('/etc', join(home.path, 'pod/volumes/data/link'))
  assert.throws(() => bind('link'), /leads out of the volume/)
  // Nothing is made behind a link that leads out, and nothing waits there: below /proc, Node's `recursive` never returns.
  const outside = join(home.path, 'outside')
  mkdirSync(outside)
  symlinkSync(outside, join(home.path, 'pod/volumes/data/away'))
  symlinkSync('/proc', join(home.path, 'pod/volumes/data/proc'))
  assert.throws(() => bind('away/made'), /leads out of the volume/)
  assert.throws(() => bind('proc/nope/x'), /leads out of the volume/)
  assert.deepEqual(readdirSync(outside), [])
  assert.throws(() => bind('../other'), /must stay inside/)
})

test('referencesOf() names what volumes and environment refer to', () => {
  const pod: Pod = {
    metadata: { name: 'p' },
    spec: {
      volumes: [
        { name: 'a', configMap: { name: 'm1' } },
        { name: 'b', secret: { secretName: 's1' } },
        { name: 'c', emptyDir: {} },
      ],
      containers: [
        {
          name: 'c',
          envFrom: [{ secretRef: { name: 's2' } }],
          env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'm2', key: 'k' } } }],
        },
      ],
    },
  }
  const { configMaps, secrets } = referencesOf(pod)
  assert.deepEqual(
    [[...configMaps], [...secrets]],
    [
      ['m1', 'm2'],
      ['s1', 's2'],
    ],
  )
})

// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
suite('parseQuantity()', () => {
  const cases = [
    { text: '128', want: 128 },
    { text: '1Ki', want: 1024 },
    { text: '1.5Gi', want: 1610612736 },
    { text: '2M', want: 2000000 },
    { text: 'x', want: undefined },
    { text: '1Xi', want: undefined },
  ]
  for (const { text, want } of cases) test(text, () => assert.equal(parseQuantity(text), want))
})
