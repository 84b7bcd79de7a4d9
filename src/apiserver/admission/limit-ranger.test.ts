/** plugin/pkg/admission/limitranger/admission_test.go; texts: admission.go, minConstraint, maxConstraint and limitRequestRatioConstraint. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import type { LimitRangeItem } from '#api/limits.ts'
import { persistentVolumeClaims, pods } from '#api/resources.ts'
import type { Follower, StoredObjects } from './admission.ts'
import { createLimitRanger } from './limit-ranger.ts'

type Resources = {
  readonly requests?: Readonly<Record<string, string>>
  readonly limits?: Readonly<Record<string, string>>
}

async function admit(
  limits: readonly LimitRangeItem[],
  containers: readonly Resources[],
  initContainers: readonly Resources[] = [],
) {
  const plugin = createLimitRanger()
  const range = { metadata: { name: 'range', namespace: 'default' }, spec: { limits } }
  const elsewhere = { metadata: { name: 'other', namespace: 'other' }, spec: { limits: [] } }
  await plugin.start?.(following([range, elsewhere]))
  const object: Pod = {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      containers: containers.map((resources, index) => ({ name: `c${index}`, resources })),
      initContainers: initContainers.map((resources, index) => ({ name: `i${index}`, resources })),
    },
  }
  const request = { operation: 'CREATE', resource: pods, object, dryRun: false } as const
  const admitted = (await plugin.admit(request)).object
  await plugin.check?.({ ...request, object: admitted })
  return admitted as Pod
}

/** A store that has these, and to which nothing happens. */
const following = (objects: readonly object[]) =>
  ({
    follow: async (_: unknown, follower: Follower<object>) => follower.replaced(objects),
  }) as unknown as StoredObjects

test('containers get defaults, and the pod says which', async () => {
  const item = { type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '100m' } }
  const { metadata, spec } = await admit([item], [{}, { requests: { cpu: '50m' } }])
  assert.deepEqual(
    spec.containers.map(({ resources }) => resources),
    [
      { limits: { cpu: '1' }, requests: { cpu: '100m' } },
      { limits: { cpu: '1' }, requests: { cpu: '50m' } },
    ],
  )
  assert.deepEqual(metadata.annotations, {
    'kubernetes.io/limit-ranger':
      'LimitRanger plugin set: cpu request for container c0; cpu limit for container c0; cpu limit for container c1',
  })
})

const rows: readonly {
  readonly name: string
  readonly item: LimitRangeItem
  readonly containers: readonly Resources[]
  readonly initContainers?: readonly Resources[]
  readonly want: string
}[] = [
  {
    name: 'less than the minimum',
    item: { type: 'Container', min: { cpu: '100m' } },
    containers: [{ requests: { cpu: '50m' } }],
    want: 'minimum cpu usage per Container is 100m, but request is 50m',
  },
  {
    name: 'nothing where there is a minimum',
    item: { type: 'Container', min: { memory: '1Gi' } },
    containers: [{}],
    want: 'minimum memory usage per Container is 1Gi.  No request is specified',
  },
  {
    name: 'more than the maximum',
    item: { type: 'Container', max: { cpu: '800m' } },
    containers: [{ limits: { cpu: '1500m' } }],
    want: 'maximum cpu usage per Container is 800m, but limit is 1500m',
  },
  {
    name: 'no limit where there is a maximum',
    item: { type: 'Container', max: { cpu: '800m' } },
    containers: [{}],
    want: 'maximum cpu usage per Container is 800m.  No limit is specified',
  },
  {
    name: 'more than a pod may have together',
    item: { type: 'Pod', max: { cpu: '1' } },
    containers: [{ limits: { cpu: '600m' } }, { limits: { cpu: '600m' } }],
    want: 'maximum cpu usage per Pod is 1, but limit is 1200m',
  },
  {
    name: 'more than a pod may have while it starts (podLimits counts init containers)',
    item: { type: 'Pod', max: { cpu: '1' } },
    containers: [{ limits: { cpu: '600m' } }],
    initContainers: [{ limits: { cpu: '2' } }],
    want: 'maximum cpu usage per Pod is 1, but limit is 2',
  },
  {
    name: 'a limit far above the request',
    item: { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
    containers: [{ limits: { cpu: '1' }, requests: { cpu: '250m' } }],
    want: 'cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000',
  },
  {
    name: 'two things',
    item: { type: 'Container', max: { cpu: '1', memory: '1Gi' } },
    containers: [{ limits: { cpu: '2', memory: '2Gi' } }],
    want: '[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]',
  },
]

suite('a pod is refused that has', () => {
  for (const { name, item, containers, initContainers, want } of rows) {
    test(name, () =>
      assert.rejects(admit([item], containers, initContainers), {
        message: `pods "web" is forbidden: ${want}`,
      }),
    )
  }
  test('nothing of the kind: then it is not', async () => {
    const item = { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' } }
    const pod = await admit([item], [{ limits: { cpu: '1' }, requests: { cpu: '100m' } }])
    assert.equal(pod.metadata.annotations, undefined)
  })
})

// admission_test.go, TestPersistentVolumeClaimLimitFunc; maxRequestConstraint
suite('a claim', () => {
  const claim = (storage: string) => ({
    metadata: { name: 'data', namespace: 'default' },
    spec: { resources: { requests: { storage } } },
  })
  const ask = async (storage: string, before?: string) => {
    const plugin = createLimitRanger()
    const limits = [
      { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
    ]
    await plugin.start?.(
      following([{ metadata: { name: 'range', namespace: 'default' }, spec: { limits } }]),
    )
    await plugin.check?.({
      operation: before ? 'UPDATE' : 'CREATE',
      resource: persistentVolumeClaims,
      object: claim(storage),
      ...(before ? { old: claim(before) } : {}),
      dryRun: false,
    })
  }
  const words = 'persistentvolumeclaims "data" is forbidden:'
  test('asks for too little', () =>
    assert.rejects(ask('500Mi'), {
      message: `${words} minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi`,
    }))
  test('asks for too much', () =>
    assert.rejects(ask('3Gi', '2Gi'), {
      message: `${words} maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi`,
    }))
  test('may keep what it has', () => ask('3Gi', '3Gi'))
})
