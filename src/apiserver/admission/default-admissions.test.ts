import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import type { PersistentVolumeClaim, Pod } from '#api/core.ts'
import { SYSTEM_PRIORITY_CLASSES } from '#api/kinds/priority-class.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Ingress } from '#api/networking.ts'
import { ingresses, persistentVolumeClaims, pods, priorityClasses } from '#api/resources.ts'
import type { Store } from '../storage/store.ts'
import type { Admission, AdmissionRequest, Follower, StoredObjects } from './admission.ts'
import { createDefaultIngressClass } from './default-ingress-class.ts'
import { createDefaultStorageClass } from './default-storage-class.ts'
import { defaultTolerations } from './default-tolerations.ts'
import { createPriority } from './priority.ts'
import { createServiceAccountAdmission } from './service-account.ts'

const pod = (spec: Partial<Pod['spec']> = {}, annotations = {}): Pod => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'web', namespace: 'default', annotations },
  spec: { containers: [], ...spec },
})

/** A store of these objects alone, to which nothing happens. */
const holding = (objects: readonly object[]) =>
  ({
    list: async () => objects,
    get: async (_: unknown, { name }: { readonly name: string }) =>
      objects.find((object) => (object as KubernetesObject).metadata.name === name),
    follow: async (_: unknown, follower: Follower<object>) => follower.replaced(objects),
  }) as unknown as StoredObjects

const admit = async (plugin: Admission, request: Partial<AdmissionRequest>) => {
  const object = request.object ?? pod()
  const rest = { operation: 'CREATE', resource: pods, dryRun: false } as const
  return (await plugin.admit({ ...rest, ...request, object })).object as Pod
}

/** Where every account is. */
const accounts = { get: async () => ({ value: '{}' }) } as unknown as Store

// plugin/pkg/admission/serviceaccount/admission_test.go
suite('the account of a pod', () => {
  const cases = [
    { name: 'is default', object: pod(), want: 'default' },
    { name: 'is what it says', object: pod({ serviceAccountName: 'own' }), want: 'own' },
    {
      name: 'is none for a mirror pod',
      object: pod({}, { 'kubernetes.io/config.mirror': '' }),
      want: undefined,
    },
  ]
  for (const { name, object, want } of cases) {
    test(name, async () =>
      assert.equal(
        (await admit(createServiceAccountAdmission(accounts), { object })).spec.serviceAccountName,
        want,
      ),
    )
  }
})

// plugin/pkg/admission/defaulttolerationseconds/admission_test.go
suite('a pod tolerates', () => {
  const notReady = {
    key: 'node.kubernetes.io/not-ready',
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  }
  const unreachable = { ...notReady, key: 'node.kubernetes.io/unreachable' }
  const own = { key: 'foo', operator: 'Equal', value: 'bar', effect: 'NoSchedule' } as const
  const forever = { key: notReady.key, operator: 'Exists', effect: 'NoExecute' } as const
  const all = { operator: 'Exists' } as const
  const cases = [
    { name: 'a node in trouble for 300 s', given: [], want: [notReady, unreachable] },
    { name: 'what it says first', given: [own], want: [own, notReady, unreachable] },
    { name: 'what it says itself of the same', given: [forever], want: [forever, unreachable] },
    { name: 'everything when it says so', given: [all], want: [all] },
  ]
  for (const { name, given, want } of cases) {
    test(name, async () => {
      const { spec } = await admit(defaultTolerations, { object: pod({ tolerations: given }) })
      assert.deepEqual(spec.tolerations, want)
    })
  }
})

// plugin/pkg/admission/priority/admission_test.go; the numbers are those of pkg/apis/scheduling/types.go.
suite('the priority of a pod', () => {
  const priority = createPriority()
  before(() => priority.start?.(holding(SYSTEM_PRIORITY_CLASSES)))

  test('is 0, and may push others away', async () => {
    const { spec } = await admit(priority, {})
    assert.deepEqual([spec.priority, spec.preemptionPolicy], [0, 'PreemptLowerPriority'])
  })

  test('is that of its class', async () => {
    const object = pod({ priorityClassName: 'system-node-critical' })
    assert.equal((await admit(priority, { object })).spec.priority, 2_000_001_000)
  })

  test('stays on update', async () => {
    const old = pod({ priority: 7 })
    assert.equal((await admit(priority, { operation: 'UPDATE', old })).spec.priority, 7)
  })

  // admission_test.go: a default class gives its number and its name; two defaults are refused.
  test('is that of the default class', async () => {
    const plugin = createPriority()
    const tall = { metadata: { name: 'tall' }, value: 100, globalDefault: true }
    await plugin.start?.(holding([tall]))
    const { spec } = await admit(plugin, {})
    assert.deepEqual([spec.priority, spec.priorityClassName], [100, 'tall'])
    const second = { ...tall, metadata: { name: 'second' } }
    await assert.rejects(
      async () =>
        plugin.admit({
          operation: 'CREATE',
          resource: priorityClasses,
          object: second,
          dryRun: false,
        }),
      {
        message:
          'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass tall is already marked as default. Only one default can exist',
      },
    )
  })
  const refused = [
    {
      spec: { priorityClassName: 'x' },
      want: 'pods "web" is forbidden: no PriorityClass with name x was found',
    },
    {
      spec: { priority: 5 },
      want: 'pods "web" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    },
  ]
  for (const { spec, want } of refused) {
    test(`is refused: ${JSON.stringify(spec)}`, () =>
      assert.rejects(admit(priority, { object: pod(spec) }), { message: want }))
  }
})

// plugin/pkg/admission/network/defaultingressclass/admission_test.go
suite('the class of an Ingress', () => {
  const ingressClass = (
    name: string,
    isDefault: string,
    creationTimestamp = '2026-01-01T00:00:00Z',
  ) => ({
    metadata: {
      name,
      creationTimestamp,
      annotations: { 'ingressclass.kubernetes.io/is-default-class': isDefault },
    },
  })
  const yes = ingressClass('default1', 'true')
  const same = ingressClass('default2', 'true')
  const newer = ingressClass('newer', 'true', '2026-01-02T00:00:00Z')
  const no = ingressClass('other', 'false')
  const cases = [
    { name: 'is the default', classes: [no, yes], want: 'default1' },
    { name: 'is none without a default', classes: [no], want: undefined },
    { name: 'is what it says', classes: [yes], spec: { ingressClassName: 'own' }, want: 'own' },
    {
      name: 'is what its annotation says',
      classes: [yes],
      annotations: { 'kubernetes.io/ingress.class': 'own' },
      want: undefined,
    },
    { name: 'is the newest of several defaults', classes: [yes, newer], want: 'newer' },
    { name: 'is the first by name of two as old', classes: [same, yes], want: 'default1' },
    { name: 'is not filled in on update', operation: 'UPDATE', classes: [yes], want: undefined },
  ] as const
  for (const { name, classes, want, ...rest } of cases) {
    test(name, async () => {
      const plugin = createDefaultIngressClass()
      await plugin.start?.(holding(classes))
      const object: Ingress = {
        metadata: { name: 'web', annotations: 'annotations' in rest ? rest.annotations : {} },
        spec: 'spec' in rest ? rest.spec : {},
      }
      const operation = 'operation' in rest ? ('UPDATE' as const) : ('CREATE' as const)
      const request = { operation, resource: ingresses, object, old: object, dryRun: false }
      const admitted = (await plugin.admit(request)).object as Ingress
      assert.equal(admitted.spec?.ingressClassName, want)
    })
  }
})

// plugin/pkg/admission/storage/storageclass/setdefault/admission_test.go
suite('the class of a claim', () => {
  const storageClass = (
    name: string,
    annotation: string,
    creationTimestamp = '2026-01-01T00:00:00Z',
  ) => ({
    metadata: { name, creationTimestamp, annotations: { [annotation]: 'true' } },
  })
  const STABLE = 'storageclass.kubernetes.io/is-default-class'
  const BETA = 'storageclass.beta.kubernetes.io/is-default-class'
  const cases = [
    { name: 'is the default', classes: [storageClass('a', STABLE)], want: 'a' },
    {
      name: 'is the default, said as it was before',
      classes: [storageClass('a', BETA)],
      want: 'a',
    },
    { name: 'is none without a default', classes: [], want: undefined },
    {
      name: 'is the newest of several defaults',
      classes: [storageClass('a', STABLE), storageClass('b', STABLE, '2026-01-02T00:00:00Z')],
      want: 'b',
    },
    {
      name: 'is none where the claim says so',
      classes: [storageClass('a', STABLE)],
      spec: { storageClassName: '' },
      want: '',
    },
    {
      name: 'is what its annotation says',
      classes: [storageClass('a', STABLE)],
      annotations: { 'volume.beta.kubernetes.io/storage-class': 'own' },
      want: undefined,
    },
  ] as const
  for (const { name, classes, want, ...rest } of cases) {
    test(name, async () => {
      const plugin = createDefaultStorageClass()
      await plugin.start?.(holding(classes))
      const object: PersistentVolumeClaim = {
        metadata: { name: 'data', annotations: 'annotations' in rest ? rest.annotations : {} },
        spec: 'spec' in rest ? rest.spec : {},
      }
      const request = { operation: 'CREATE', resource: persistentVolumeClaims, object } as const
      const { object: admitted } = await plugin.admit({ ...request, dryRun: false })
      assert.equal((admitted as PersistentVolumeClaim).spec?.storageClassName, want)
    })
  }
})
