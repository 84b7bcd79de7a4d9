/**
 * Refusals of the kinds around workloads. Expected texts: v1.36.0, pkg/apis/{apps,batch,core,policy,scheduling,autoscaling,networking,storage}/validation.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { formatFieldError } from '../field-error.ts'
import type { KubernetesObject } from '../meta.ts'
import { kinds } from './kinds.ts'

const pod = { containers: [{ name: 'c', image: 'i:1' }] }
const template = { metadata: { labels: { app: 'a' } }, spec: pod }
const selector = { matchLabels: { app: 'a' } }
const never = { template: { spec: { ...pod, restartPolicy: 'Never' } } }

const find = (name: string) => {
  const [kind, version] = name.split('.')
  const spec = kinds.find(
    ({ resource }) => resource.kind === kind && (version ?? resource.version) === resource.version,
  )
  assert.ok(spec, name)
  return spec
}

const make = (kind: string, more: object): KubernetesObject => {
  const spec = find(kind)
  const { apiVersion: _, ...rest } = more as { apiVersion?: string }
  const metadata = {
    name: 'x',
    uid: 'uid',
    ...(spec.resource.namespaced ? { namespace: 'default' } : {}),
  }
  return spec.prepareCreate(spec.default({ metadata, ...rest } as KubernetesObject))
}

const created: readonly (readonly [
  kind: string,
  name: string,
  object: object,
  want: readonly string[],
])[] = [
  ['StatefulSet', 'is fine', { spec: { selector, template, serviceName: 'web' } }, []],
  [
    'StatefulSet',
    'a policy nobody knows',
    { spec: { selector, template, podManagementPolicy: 'Random' } },
    ["spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
  ],
  [
    'StatefulSet',
    'a rolling update with OnDelete',
    {
      spec: {
        selector,
        template,
        updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } },
      },
    },
    [
      'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\'',
    ],
  ],
  [
    'StatefulSet',
    'no selector',
    { spec: { template } },
    [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'DaemonSet',
    'neither surge nor unavailable',
    {
      spec: {
        selector,
        template,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
      },
    },
    [
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ],
  ],
  [
    'DaemonSet',
    'both',
    {
      spec: {
        selector,
        template,
        updateStrategy: {
          type: 'RollingUpdate',
          rollingUpdate: { maxUnavailable: 1, maxSurge: '10%' },
        },
      },
    },
    [
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "10%": may not be set when maxUnavailable is non-zero',
    ],
  ],
  ['Job', 'is fine', { spec: never }, []],
  [
    'Job',
    'restarts for ever',
    { spec: { template: { spec: pod } } },
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'Job',
    'is indexed without a number',
    { spec: { ...never, completionMode: 'Indexed', parallelism: 1 } },
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'Job',
    'limits failures of indexes that it has not',
    { spec: { ...never, backoffLimitPerIndex: 1 } },
    ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  ],
  [
    'Job',
    'a failure rule of nothing',
    { spec: { ...never, podFailurePolicy: { rules: [{ action: 'Ignore' }] } } },
    [
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
  ],
  [
    'Job',
    'a failure rule for success',
    {
      spec: {
        ...never,
        podFailurePolicy: {
          rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [0] } }],
        },
      },
    },
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
    ],
  ],
  [
    'CronJob',
    'a schedule of four fields',
    { spec: { schedule: '* * * *', jobTemplate: { spec: never } } },
    ['spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
  ],
  [
    'CronJob',
    'a time zone in the schedule',
    { spec: { schedule: 'TZ=UTC 0 * * * *', jobTemplate: { spec: never } } },
    [
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  [
    'CronJob',
    'a time zone nobody knows',
    { spec: { schedule: '0 * * * *', timeZone: 'Mars/Base', jobTemplate: { spec: never } } },
    ['spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'],
  ],
  [
    'ReplicationController',
    'nothing to select by',
    { spec: { template: { spec: pod } } },
    ['spec.selector: Required value'],
  ],
  [
    'PersistentVolumeClaim',
    'nothing at all',
    { spec: {} },
    [
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ],
  ],
  [
    'PersistentVolume',
    'no volume',
    { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } },
    ['spec: Required value: must specify a volume type'],
  ],
  [
    'PodDisruptionBudget',
    'both limits',
    { spec: { minAvailable: 1, maxUnavailable: 1 } },
    [
      'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
    ],
  ],
  [
    'PriorityClass',
    'above what users may',
    { value: 1_000_000_001 },
    ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
  ],
  [
    'HorizontalPodAutoscaler.v2',
    'no target and no maximum',
    { spec: { scaleTargetRef: {} } },
    [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.kind: Required value',
      'spec.scaleTargetRef.name: Required value',
    ],
  ],
  [
    'HorizontalPodAutoscaler.v1',
    'no use of the CPU',
    {
      spec: {
        maxReplicas: 2,
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        targetCPUUtilizationPercentage: 0,
      },
    },
    [
      'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
    ],
  ],
  [
    'NetworkPolicy',
    'a peer of two kinds',
    {
      spec: {
        podSelector: {},
        ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }],
      },
    },
    ['spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer'],
  ],
  [
    'NetworkPolicy',
    'an exception outside its block',
    {
      spec: {
        podSelector: {},
        egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }],
      },
    },
    [
      'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    ],
  ],
  [
    'LimitRange',
    'a minimum above the maximum',
    { spec: { limits: [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }] } },
    ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
  ],
  [
    'ResourceQuota',
    'a resource that has none',
    { spec: { hard: { bananas: '1' } } },
    [
      'spec.hard[bananas]: Invalid value: "bananas": must be a standard resource type or fully qualified',
      'spec.hard[bananas]: Invalid value: "bananas": must be a standard resource for quota',
    ],
  ],
  ['StorageClass', 'no provisioner', {}, ['provisioner: Required value']],
]

suite('a new object is refused', () => {
  for (const [kind, name, object, want] of created) {
    test(`${kind}: ${name}`, () => {
      const errors = find(kind).validate(make(kind, object)).map(formatFieldError)
      assert.deepEqual(errors, want)
    })
  }
})

const changed: readonly (readonly [
  kind: string,
  before: object,
  after: object,
  want: readonly RegExp[],
])[] = [
  [
    'StatefulSet',
    { spec: { selector, template, serviceName: 'web' } },
    { spec: { selector, template, serviceName: 'other' } },
    [
      /^spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden$/,
    ],
  ],
  [
    'StatefulSet',
    { spec: { selector, template, replicas: 1 } },
    { spec: { selector, template, replicas: 3 } },
    [],
  ],
  [
    'Job',
    { spec: never },
    { spec: { template: { spec: { ...pod, restartPolicy: 'OnFailure' } } } },
    // pkg/apis/core/types.go: the internal PodTemplateSpec, whose metadata are embedded.
    [
      /^spec.template: Invalid value: \{("labels":\{[^}]*\},)?"Spec":\{"Volumes":null,"InitContainers":null,"Containers":\[\{"Name":.*,"RestartPolicy":"OnFailure",.*\}: field is immutable$/,
    ],
  ],
  ['Job', { spec: { ...never, parallelism: 1 } }, { spec: { ...never, parallelism: 2 } }, []],
  [
    'PriorityClass',
    { value: 1 },
    { value: 2 },
    [/^value: Forbidden: may not be changed in an update\.$/],
  ],
  [
    'PersistentVolumeClaim',
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    { spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } } },
    [
      /^spec: Forbidden: spec is immutable after creation except resources\.requests and volumeAttributesClassName for bound claims/,
    ],
  ],
  [
    'StorageClass',
    { provisioner: 'a.example/b' },
    { provisioner: 'a.example/c' },
    [/^provisioner: Invalid value: "a.example\/c": field is immutable$/],
  ],
]

suite('a change is refused', () => {
  for (const [kind, before, after, want] of changed) {
    test(`${kind}${want.length === 0 ? ': unless it may be' : ''}`, () => {
      const spec = find(kind)
      const old = make(kind, before)
      const versioned = { ...old, metadata: { ...old.metadata, resourceVersion: '1' } }
      const wanted = spec.default({ ...versioned, ...after } as KubernetesObject)
      // A Job's labels and selector were made when it was.
      const next = kind === 'Job' ? make(kind, after) : wanted
      const updated = spec.prepareUpdate(
        { ...next, metadata: { ...next.metadata, resourceVersion: '1' } },
        versioned,
      )
      const errors = spec.validateUpdate(updated, versioned).map(formatFieldError)
      assert.equal(errors.length, want.length, errors.join('\n'))
      for (const [index, pattern] of want.entries()) assert.match(errors[index]!, pattern)
    })
  }
})

test('what is not enforced says so', () => {
  const quiet = ['NetworkPolicy', 'HorizontalPodAutoscaler.v1', 'HorizontalPodAutoscaler.v2']
  for (const kind of [...quiet, 'StorageClass'])
    assert.match(
      find(kind).warnings?.(make(kind, { spec: {} }))[0] ?? '',
      /stored, but not enforced/,
    )
})
