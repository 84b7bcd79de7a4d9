/** Cells of the kinds around workloads: pkg/printers/internalversion/printers.go and printers_test.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { tableText } from './table.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const metadata = { name: 'x', creationTimestamp: '2026-11-21T11:00:00Z' }
const template = {
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'c', image: 'i:1' }] },
}
const selector = { matchLabels: { app: 'a' } }
const owner = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  name: 'web',
  uid: 'u',
  controller: true,
}

/** `wide` columns follow after a bar. */
const rows: readonly (readonly [resources.Resource, object, string])[] = [
  [
    resources.statefulSets,
    { spec: { replicas: 3, selector, template }, status: { readyReplicas: 2 } },
    'x 2/3 60m | c i:1',
  ],
  [
    resources.daemonSets,
    {
      spec: { selector, template },
      status: { desiredNumberScheduled: 3, currentNumberScheduled: 3, numberReady: 2 },
    },
    'x 3 3 2 0 0 <none> 60m | c i:1 app=a',
  ],
  [
    resources.controllerRevisions,
    { metadata: { ...metadata, ownerReferences: [owner] }, revision: 2 },
    'x statefulset.apps/web 2 60m',
  ],
  [
    resources.jobs,
    {
      spec: { completions: 3, selector, template },
      status: {
        succeeded: 3,
        startTime: '2026-11-21T11:00:00Z',
        completionTime: '2026-11-21T11:00:42Z',
        conditions: [{ type: 'Complete', status: 'True' }],
      },
    },
    'x Complete 3/3 42s 60m | c i:1 app=a',
  ],
  [
    resources.jobs,
    { spec: { parallelism: 2, template }, status: { succeeded: 1 } },
    'x Running 1/1 of 2  60m | c i:1 <none>',
  ],
  [
    resources.cronJobs,
    {
      spec: { schedule: '0 * * * *', suspend: true, jobTemplate: { spec: { template } } },
      status: { active: [{}], lastScheduleTime: '2026-11-21T11:50:00Z' },
    },
    'x 0 * * * * <none> True 1 10m 60m | c i:1 <none>',
  ],
  [
    resources.replicationControllers,
    { spec: { replicas: 2, selector: { app: 'a' }, template }, status: { replicas: 1 } },
    'x 2 1 0 60m | c i:1 app=a',
  ],
  [resources.podTemplates, { template }, 'x c i:1 app=a'],
  [
    resources.podDisruptionBudgets,
    { spec: { maxUnavailable: '30%' }, status: { disruptionsAllowed: 1 } },
    'x N/A 30% 1 60m',
  ],
  [
    resources.priorityClasses,
    { value: 7, globalDefault: true, preemptionPolicy: 'Never' },
    'x 7 true 60m Never',
  ],
  [resources.networkPolicies, { spec: { podSelector: selector } }, 'x app=a 60m'],
  [
    resources.resourceQuotas,
    { status: { hard: { pods: '3', 'limits.cpu': '2' }, used: { pods: '1' } } },
    'x pods: 1/3 limits.cpu: 0/2 60m',
  ],
  [
    resources.horizontalPodAutoscalers,
    {
      spec: {
        maxReplicas: 5,
        minReplicas: 2,
        scaleTargetRef: { kind: 'Deployment', name: 'web' },
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
          },
          {
            type: 'Pods',
            pods: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: '10' } },
          },
          {
            type: 'External',
            external: { metric: { name: 'e' }, target: { type: 'Value', value: '3' } },
          },
        ],
      },
      status: { currentReplicas: 2, desiredReplicas: 2 },
    },
    'x Deployment/web cpu: <unknown>/80%, <unknown>/10 + 1 more... 2 5 2 60m',
  ],
  [
    resources.persistentVolumes,
    {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        volumeMode: 'Filesystem',
        claimRef: { namespace: 'default', name: 'data' },
      },
      status: { phase: 'Bound' },
    },
    'x 1Gi RWO,RWX Retain Bound default/data  <unset>  60m | Filesystem',
  ],
  [
    resources.persistentVolumeClaims,
    { spec: { storageClassName: 'fast' }, status: { phase: 'Pending' } },
    'x Pending    fast <unset> 60m | <unset>',
  ],
  [
    resources.storageClasses,
    {
      metadata: {
        ...metadata,
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
      provisioner: 'a/b',
    },
    'x (default) a/b Delete Immediate false 60m',
  ],
]

suite('tableText() prints', () => {
  for (const [resource, object, want] of rows) {
    test(`${resource.kind}: ${want}`, () => {
      const options = { include: 'None', resourceVersion: '1', now: NOW } as const
      const table = JSON.parse(tableText(resource, [{ metadata, ...object } as never], options))
      const cells: unknown[] = table.rows[0].cells
      const wide = table.columnDefinitions.findIndex(
        ({ priority }: { readonly priority: number }) => priority > 0,
      )
      const shown = wide < 0 ? cells : [...cells.slice(0, wide), '|', ...cells.slice(wide)]
      assert.equal(shown.join(' '), want)
    })
  }
})
