/**
 * Cells as upstream prints them. Expected values are those of pkg/printers/internalversion/printers_test.go where a
 * row says so, otherwise what kubectl 1.32 is documented to show (kubernetes.io, "kubectl Quick Reference" and the
 * tutorials' transcripts).
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { formatDuration } from './duration.ts'
import { tableText } from './table.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const metadata = { name: 'x', creationTimestamp: '2026-11-21T11:00:00Z' }

const running = (more: object = {}) => ({
  name: 'c',
  ready: true,
  restartCount: 0,
  image: 'i',
  imageID: '',
  state: { running: {} },
  ...more,
})
const podOf = (status: object, more: { metadata?: object; spec?: object } = {}) => ({
  metadata: { ...metadata, ...more.metadata },
  spec: { containers: [{ name: 'c' }, { name: 'd' }], ...more.spec },
  status,
})

/** `wide` columns follow after a bar. */
const rows = [
  {
    name: 'namespace',
    resource: resources.namespaces,
    object: { metadata, status: { phase: 'Active' } },
    want: 'x Active 60m',
  },
  {
    name: 'node',
    resource: resources.nodes,
    object: {
      metadata: {
        ...metadata,
        labels: { 'node-role.kubernetes.io/control-plane': '', 'node-role.kubernetes.io/b': '' },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
        nodeInfo: {
          kubeletVersion: 'v1.36.0',
          osImage: 'Debian',
          kernelVersion: '6.1',
          containerRuntimeVersion: 'process://1',
        },
      },
    },
    want: 'x Ready,SchedulingDisabled b,control-plane 60m v1.36.0 | 172.30.0.11 <none> Debian 6.1 process://1',
  },
  {
    name: 'node that says nothing',
    resource: resources.nodes,
    object: { metadata },
    want: 'x Unknown <none> 60m  | <none> <none> <unknown> <unknown> <unknown>',
  },
  {
    name: 'pod that runs, with restarts', // printers_test.go TestPrintPodWithRestarts: "3 (10s ago)"
    resource: resources.pods,
    object: podOf(
      {
        phase: 'Running',
        podIP: '10.244.1.7',
        podIPs: [{ ip: '10.244.1.7' }],
        containerStatuses: [
          running({
            restartCount: 3,
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-11-21T11:59:50Z' } },
          }),
          running({ ready: false }),
        ],
      },
      { spec: { nodeName: 'node1' } },
    ),
    want: 'x 1/2 Running 3 (10s ago) 60m | 10.244.1.7 node1 <none> <none>',
  },
  {
    name: 'pod in back-off', // printers_test.go TestPrintPod: the waiting reason wins
    resource: resources.pods,
    object: podOf({
      phase: 'Running',
      containerStatuses: [
        running({ ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } }),
      ],
    }),
    want: 'x 0/2 CrashLoopBackOff 0 60m | <none> <none> <none> <none>',
  },
  {
    name: 'pod that ended without a reason', // TestPrintPod: "ExitCode:"/"Signal:"
    resource: resources.pods,
    object: podOf({
      phase: 'Failed',
      containerStatuses: [
        running({ ready: false, state: { terminated: { exitCode: 137, signal: 9 } } }),
      ],
    }),
    want: 'x 0/2 Signal:9 0 60m | <none> <none> <none> <none>',
  },
  {
    name: 'pod that goes', // TestPrintPod: "Terminating"
    resource: resources.pods,
    object: podOf(
      { phase: 'Running', containerStatuses: [running()] },
      { metadata: { deletionTimestamp: '2026-11-21T12:00:30Z' } },
    ),
    want: 'x 1/2 Terminating 0 60m | <none> <none> <none> <none>',
  },
  {
    name: 'pod whose second init container runs', // TestPrintPodWithInitContainers: "Init:1/2"
    resource: resources.pods,
    object: podOf(
      {
        phase: 'Pending',
        initContainerStatuses: [
          running({ name: 'i1', state: { terminated: { exitCode: 0 } } }),
          running({ name: 'i2', ready: false }),
        ],
      },
      { spec: { initContainers: [{ name: 'i1' }, { name: 'i2' }] } },
    ),
    want: 'x 0/2 Init:1/2 0 60m | <none> <none> <none> <none>',
  },
  {
    name: 'pod whose init container failed', // TestPrintPodWithInitContainers: "Init:Error"
    resource: resources.pods,
    object: podOf(
      {
        phase: 'Pending',
        initContainerStatuses: [
          running({ name: 'i1', state: { terminated: { exitCode: 1, reason: 'Error' } } }),
        ],
      },
      { spec: { initContainers: [{ name: 'i1' }] } },
    ),
    want: 'x 0/2 Init:Error 0 60m | <none> <none> <none> <none>',
  },
  {
    name: 'service with a node port',
    resource: resources.services,
    object: {
      metadata,
      spec: {
        type: 'NodePort',
        clusterIP: '10.96.0.20',
        ports: [
          { port: 80, nodePort: 30062, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
        selector: { b: '2', a: '1' },
      },
    },
    want: 'x NodePort 10.96.0.20 <none> 80:30062/TCP,53/UDP 60m | a=1,b=2',
  },
  {
    name: 'load balancer without an address',
    resource: resources.services,
    object: {
      metadata,
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.20',
        ports: [{ port: 80, protocol: 'TCP' }],
      },
    },
    want: 'x LoadBalancer 10.96.0.20 <pending> 80/TCP 60m | <none>',
  },
  {
    name: 'load balancer with one',
    resource: resources.services,
    object: {
      metadata,
      spec: { type: 'LoadBalancer', clusterIP: '10.96.0.20', ports: [] },
      status: { loadBalancer: { ingress: [{ ip: '172.30.0.200' }] } },
    },
    want: 'x LoadBalancer 10.96.0.20 172.30.0.200 <none> 60m | <none>',
  },
  {
    name: 'external name',
    resource: resources.services,
    object: { metadata, spec: { type: 'ExternalName', externalName: 'db.example' } },
    want: 'x ExternalName <none> db.example <none> 60m | <none>',
  },
  {
    name: 'headless service',
    resource: resources.services,
    object: {
      metadata,
      spec: {
        type: 'ClusterIP',
        clusterIP: 'None',
        clusterIPs: ['None'],
        ports: [{ port: 80, protocol: 'TCP' }],
      },
    },
    want: 'x ClusterIP None <none> 80/TCP 60m | <none>',
  },
  {
    name: 'endpoints, shortened', // printers.go formatEndpoints: three, then "+ n more..."
    resource: resources.endpoints,
    object: {
      metadata,
      subsets: [
        {
          addresses: ['1', '2', '3', '4'].map((last) => ({ ip: `10.244.0.${last}` })),
          ports: [{ port: 80 }],
        },
      ],
    },
    want: 'x 10.244.0.1:80,10.244.0.2:80,10.244.0.3:80 + 1 more... 60m',
  },
  {
    name: 'endpoints, none',
    resource: resources.endpoints,
    object: { metadata },
    want: 'x <none> 60m',
  },
  {
    name: 'endpoint slice',
    resource: resources.endpointSlices,
    object: {
      metadata,
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.244.1.7'] }],
      ports: [{ port: 8080 }],
    },
    want: 'x IPv4 8080 10.244.1.7 60m',
  },
  {
    name: 'endpoint slice, empty',
    resource: resources.endpointSlices,
    object: { metadata, addressType: 'IPv4', endpoints: null },
    want: 'x IPv4 <unset> <unset> 60m',
  },
  {
    name: 'config map',
    resource: resources.configMaps,
    object: { metadata, data: { a: '' }, binaryData: { b: '' } },
    want: 'x 2 60m',
  },
  {
    name: 'secret',
    resource: resources.secrets,
    object: { metadata, type: 'Opaque', data: { a: '' } },
    want: 'x Opaque 1 60m',
  },
  {
    name: 'event',
    resource: resources.events,
    object: {
      metadata,
      type: 'Warning',
      reason: 'Failed',
      message: 'it did\n',
      count: 4,
      involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{c}' },
      source: { component: 'kubelet', host: 'node1' },
      firstTimestamp: '2026-11-21T11:50:00Z',
      lastTimestamp: '2026-11-21T11:59:00Z',
    },
    want: '60s Warning Failed pod/web | spec.containers{c} kubelet, node1 | it did | 10m 4 x',
  },
  {
    name: 'deployment',
    resource: resources.deployments,
    object: {
      metadata,
      spec: {
        replicas: 3,
        selector: {
          matchLabels: { app: 'web' },
          matchExpressions: [{ key: 'a', operator: 'In', values: ['y', 'x'] }],
        },
        template: {
          spec: {
            containers: [
              { name: 'c', image: 'i:1' },
              { name: 'd', image: 'j' },
            ],
          },
        },
      },
      status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 },
    },
    want: 'x 2/3 3 2 60m | c,d i:1,j a in (x,y),app=web',
  },
  {
    name: 'ingress',
    resource: resources.ingresses,
    object: {
      metadata,
      spec: { ingressClassName: 'nginx', tls: [{}], rules: [{ host: 'a.example' }, {}] },
      status: { loadBalancer: { ingress: [{ ip: '172.30.0.200' }] } },
    },
    want: 'x nginx a.example,* 172.30.0.200 80, 443 60m',
  },
  {
    name: 'ingress class',
    resource: resources.ingressClasses,
    object: { metadata, spec: { controller: 'fairlead.dev/ingress' } },
    want: 'x fairlead.dev/ingress <none> 60m',
  },
  {
    name: 'lease',
    resource: resources.leases,
    object: { metadata, spec: { holderIdentity: 'me' } },
    want: 'x me 60m',
  },
]

suite('tableText() prints', () => {
  for (const { name, resource, object, want } of rows) {
    test(name, () => {
      const options = { include: 'None', resourceVersion: '1', now: NOW } as const
      const table = JSON.parse(tableText(resource, [object], options))
      let line = ''
      let wide = 0
      for (const [i, { priority }] of table.columnDefinitions.entries()) {
        if (priority !== wide) line += ' |'
        wide = priority
        line += `${i === 0 ? '' : ' '}${table.rows[0].cells[i]}`
      }
      assert.equal(line, want)
    })
  }
})

// apimachinery pkg/util/duration/duration_test.go, TestHumanDuration
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const durations: readonly (readonly [number, string])[] = [
  [SECOND, '1s'],
  [70 * SECOND, '70s'],
  [190 * SECOND, '3m10s'],
  [70 * MINUTE, '70m'],
  [47 * HOUR, '47h'],
  [49 * HOUR, '2d1h'],
  [8 * DAY + 2 * HOUR, '8d'],
  [367 * DAY, '367d'],
  [4 * 365 * DAY + DAY, '4y1d'],
  [9 * 365 * DAY, '9y'],
  [-5 * SECOND, '<invalid>'],
]

suite('formatDuration() prints', () => {
  for (const [milliseconds, want] of durations) {
    test(want, () => assert.equal(formatDuration(milliseconds), want))
  }
})
