/** Sources: apiserver admission/plugin/resourcequota/controller.go; pkg/quota/v1/evaluator/core with its tests. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Container, PodSpec, ServiceSpec } from '../core.ts'
import type { ResourceQuota, ResourceQuotaSpec } from '../limits.ts'
import type { KubernetesObject } from '../meta.ts'
import {
  configMaps,
  deployments,
  persistentVolumeClaims,
  pods,
  type Resource,
  services,
} from '../resources.ts'
import { formatAmounts } from './amounts.ts'
import { planCharge, planRelease } from './charge.ts'
import { usageOf } from './usage.ts'

type List = Readonly<Record<string, string>>

const NOW = Date.parse('2026-01-01T00:00:00Z')

const quota = (hard: List, used: List, spec: ResourceQuotaSpec = {}, name = 'few') =>
  ({ metadata: { name, uid: name }, spec, status: { hard, used } }) satisfies ResourceQuota

const container = (name: string, requests: List = {}, limits: List = {}): Container => ({
  name,
  resources: { requests, limits },
})
const pod = (spec: Partial<PodSpec>) => ({
  metadata: { name: 'web' },
  spec: { containers: [], ...spec },
})
const service = (spec: ServiceSpec) => ({ metadata: { name: 'web' }, spec })
const claim = (spec: object) => ({ metadata: { name: 'data' }, spec })
const plain = { metadata: { name: 'web' } }
const ports = [{ port: 80 }, { port: 443, nodePort: 30443 }] as const

const refusals: readonly {
  readonly name: string
  readonly resource?: Resource
  readonly object: KubernetesObject
  readonly quota: ResourceQuota
  readonly want: string
}[] = [
  {
    name: 'one more than there may be',
    resource: configMaps,
    object: plain,
    quota: quota({ configmaps: '20', secrets: '1' }, { configmaps: '20', secrets: '9' }),
    want: 'exceeded quota: few, requested: configmaps=1, used: configmaps=20, limited: configmaps=20',
  },
  {
    name: 'a counted kind of another group',
    resource: deployments,
    object: plain,
    quota: quota({ 'count/deployments.apps': '1' }, { 'count/deployments.apps': '1' }),
    want: 'exceeded quota: few, requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1',
  },
  {
    name: 'several things, sorted, as the pod and the quota wrote them',
    object: pod({ containers: [container('c', { cpu: '700m', memory: '1Gi' })] }),
    quota: quota(
      { 'requests.memory': '1Gi', 'requests.cpu': '1', pods: '9' },
      { 'requests.memory': '512Mi', 'requests.cpu': '500m', pods: '1' },
    ),
    want: 'exceeded quota: few, requested: requests.cpu=700m,requests.memory=1Gi, used: requests.cpu=500m,requests.memory=512Mi, limited: requests.cpu=1,requests.memory=1Gi',
  },
  {
    name: 'a container that does not say what is bounded',
    object: pod({ containers: [container('c1')] }),
    quota: quota({ cpu: '1' }, { cpu: '0' }, {}, 'x'),
    want: 'failed quota: x: must specify cpu for: c1',
  },
  {
    name: 'an init container that does not (TestPodConstraintsFunc)',
    object: pod({
      initContainers: [container('dummy', { cpu: '1m' }, { cpu: '2m' })],
    }),
    quota: quota({ memory: '1Gi' }, { memory: '0' }),
    want: 'failed quota: few: must specify memory for: dummy',
  },
  {
    name: 'several that do not (TestPodConstraintsFunc)',
    object: pod({ containers: [container('foo'), container('bar')] }),
    quota: quota({ memory: '1Gi', cpu: '1' }, { memory: '0', cpu: '0' }),
    want: 'failed quota: few: must specify cpu for: bar,foo; memory for: bar,foo',
  },
  {
    name: 'a quota nobody has counted yet',
    resource: configMaps,
    object: plain,
    quota: quota({ configmaps: '20' }, {}),
    want: 'status unknown for quota: few, resources: configmaps',
  },
  {
    name: 'node ports',
    resource: services,
    object: service({ type: 'NodePort', ports }),
    quota: quota({ 'services.nodeports': '3' }, { 'services.nodeports': '2' }),
    want: 'exceeded quota: few, requested: services.nodeports=2, used: services.nodeports=2, limited: services.nodeports=3',
  },
  {
    name: 'storage of a class',
    resource: persistentVolumeClaims,
    object: claim({ storageClassName: 'gold', resources: { requests: { storage: '2Gi' } } }),
    quota: quota(
      { 'gold.storageclass.storage.k8s.io/requests.storage': '3Gi' },
      { 'gold.storageclass.storage.k8s.io/requests.storage': '2Gi' },
    ),
    want: 'exceeded quota: few, requested: gold.storageclass.storage.k8s.io/requests.storage=2Gi, used: gold.storageclass.storage.k8s.io/requests.storage=2Gi, limited: gold.storageclass.storage.k8s.io/requests.storage=3Gi',
  },
]

suite('a write is refused for', () => {
  for (const { name, resource = pods, object, quota: held, want } of refusals) {
    test(name, () =>
      assert.deepEqual(planCharge({ resource, object }, [held], new Map(), NOW), { refusal: want }),
    )
  }
})

const full = { pods: '1' }
const scoped = (spec: ResourceQuotaSpec) => quota(full, full, spec)
const selecting = (operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', values?: string[]) =>
  scoped({
    scopeSelector: {
      matchExpressions: [{ scopeName: 'PriorityClass', operator, ...(values ? { values } : {}) }],
    },
  })
const bounded = pod({ activeDeadlineSeconds: 5 })
const busy = pod({ containers: [container('c', { cpu: '1' })] })
const high = pod({ priorityClassName: 'high' })
const apart = pod({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'zone', namespaces: ['other'] },
      ],
    },
  },
})

suite('a scope', () => {
  const rows = [
    { name: 'Terminating', quota: scoped({ scopes: ['Terminating'] }), in: bounded, out: busy },
    {
      name: 'NotTerminating',
      quota: scoped({ scopes: ['NotTerminating'] }),
      in: busy,
      out: bounded,
    },
    { name: 'BestEffort', quota: scoped({ scopes: ['BestEffort'] }), in: bounded, out: busy },
    { name: 'NotBestEffort', quota: scoped({ scopes: ['NotBestEffort'] }), in: busy, out: bounded },
    { name: 'PriorityClass', quota: scoped({ scopes: ['PriorityClass'] }), in: high, out: busy },
    { name: 'PriorityClass In', quota: selecting('In', ['high', 'low']), in: high, out: busy },
    { name: 'PriorityClass NotIn', quota: selecting('NotIn', ['high']), in: busy, out: high },
    { name: 'PriorityClass DoesNotExist', quota: selecting('DoesNotExist'), in: busy, out: high },
    {
      name: 'CrossNamespacePodAffinity',
      quota: scoped({ scopes: ['CrossNamespacePodAffinity'] }),
      in: apart,
      out: busy,
    },
  ]
  for (const row of rows) {
    const ask = (object: KubernetesObject) =>
      planCharge({ resource: pods, object }, [row.quota], new Map(), NOW)
    test(`${row.name} counts some pods`, () => {
      const refusal = 'exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1'
      assert.deepEqual(ask(row.in), { refusal })
      assert.deepEqual(ask(row.out), { shares: new Map() })
    })
  }
})

suite('an object takes', () => {
  const rows: readonly {
    readonly name: string
    readonly resource: Resource
    readonly object: KubernetesObject
    readonly want: List
  }[] = [
    {
      name: 'as a pod the sum of its containers, or what its start needs (component-helpers resource/helpers.go)',
      resource: pods,
      object: pod({
        containers: [container('a', { cpu: '1' }), container('b', { cpu: '2', memory: '64Mi' })],
        initContainers: [
          { ...container('side', { cpu: '1' }), restartPolicy: 'Always' },
          container('first', { cpu: '5' }, { cpu: '6' }),
        ],
        overhead: { cpu: '500m' },
      }),
      want: {
        'count/pods': '1',
        pods: '1',
        cpu: '6500m',
        'requests.cpu': '6500m',
        memory: '64Mi',
        'requests.memory': '64Mi',
        'limits.cpu': '6500m',
      },
    },
    {
      name: 'as a finished pod its place only',
      resource: pods,
      object: { ...busy, status: { phase: 'Succeeded' } } as KubernetesObject,
      want: { 'count/pods': '1' },
    },
    {
      name: 'as a balanced Service without node ports those it asked for',
      resource: services,
      object: service({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports }),
      want: {
        'count/services': '1',
        services: '1',
        'services.nodeports': '1',
        'services.loadbalancers': '1',
      },
    },
  ]
  for (const { name, resource, object, want } of rows) {
    test(name, () => assert.deepEqual(formatAmounts(usageOf(resource, object, NOW)), want))
  }
})

suite('an update', () => {
  const held = quota(
    { 'services.nodeports': '2', services: '1' },
    { 'services.nodeports': '2', services: '1' },
  )
  const old = service({ type: 'NodePort', ports })
  const change = (object: KubernetesObject, before: KubernetesObject = old) =>
    planCharge({ resource: services, object, old: before }, [held], new Map(), NOW)
  test('takes only what is more', () => {
    assert.deepEqual(change(old), { shares: new Map() })
    assert.match(change(old, service({ type: 'ClusterIP', ports })).refusal ?? '', /nodeports=2/)
  })
  test('gives back what is less', () => {
    const demand = { resource: services, object: old }
    const shares = planRelease(demand, service({ type: 'ClusterIP', ports }), [held], NOW)
    assert.deepEqual(formatAmounts(shares.get('few') ?? {}), { 'services.nodeports': '2' })
  })
})
