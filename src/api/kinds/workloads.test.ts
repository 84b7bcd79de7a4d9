import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Deployment } from '../apps.ts'
import type { Pod, Toleration } from '../core.ts'
import { formatFieldError } from '../field-error.ts'
import { configMap } from './config-map.ts'
import { deployment } from './deployment.ts'
import { node } from './node.ts'
import { pod } from './pod.ts'

const metadata = { name: 'web', namespace: 'default' }
const makePod = (spec: object) =>
  pod.prepareCreate(pod.default({ metadata, spec: spec as Pod['spec'] }))
const podErrors = (spec: object) => pod.validate(makePod(spec)).map(formatFieldError)
const app = { name: 'app', image: 'fairlead.dev/echo' }
const withPort = (port: object) => ({ containers: [{ ...app, ports: [port] }] })

// Expected texts: core/validation v1.36.0.
const invalidPods = [
  { name: 'no containers', spec: {}, want: ['spec.containers: Required value'] },
  {
    name: 'no image',
    spec: { containers: [{ name: 'app' }] },
    want: ['spec.containers[0].image: Required value'],
  },
  {
    name: 'a container name twice',
    spec: { containers: [app, app] },
    want: ['spec.containers[1].name: Duplicate value: "app"'],
  },
  {
    name: 'containerPort 65536',
    spec: withPort({ containerPort: 65536 }),
    want: [
      'spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive',
    ],
  },
  {
    name: 'no containerPort',
    spec: withPort({ name: 'http' }),
    want: ['spec.containers[0].ports[0].containerPort: Required value'],
  },
  {
    name: 'a port name that is too long',
    spec: withPort({ name: 'sixteen-letters-', containerPort: 80 }),
    want: [
      'spec.containers[0].ports[0].name: Invalid value: "sixteen-letters-": must be no more than 15 characters',
      'spec.containers[0].ports[0].name: Invalid value: "sixteen-letters-": must not begin or end with a hyphen',
    ],
  },
  {
    name: 'a port name without a letter',
    spec: withPort({ name: '8080', containerPort: 80 }),
    want: [
      'spec.containers[0].ports[0].name: Invalid value: "8080": must contain at least one letter (a-z)',
    ],
  },
  {
    name: 'a port name twice',
    spec: {
      containers: [
        {
          ...app,
          ports: [
            { name: 'a', containerPort: 80 },
            { name: 'a', containerPort: 81 },
          ],
        },
      ],
    },
    want: ['spec.containers[0].ports[1].name: Duplicate value: "a"'],
  },
  {
    name: 'a hostPort twice in a pod',
    spec: {
      containers: [
        { ...app, ports: [{ containerPort: 80, hostPort: 8080 }] },
        { ...app, name: 'b', ports: [{ containerPort: 81, hostPort: 8080 }] },
      ],
    },
    want: ['spec.containers[1].ports[0].hostPort: Duplicate value: "TCP//8080"'],
  },
  {
    name: 'another hostPort on the host network',
    spec: { hostNetwork: true, ...withPort({ containerPort: 80, hostPort: 8080 }) },
    want: [
      'spec.containers[0].ports[0].hostPort: Invalid value: 8080: must match `containerPort` when `hostNetwork` is true',
    ],
  },
  {
    name: 'a mount of no volume',
    spec: { containers: [{ ...app, volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
    want: ['spec.containers[0].volumeMounts[0].name: Not found: "data"'],
  },
  {
    name: 'a volume of two kinds',
    spec: { containers: [app], volumes: [{ name: 'v', configMap: { name: 'c' }, emptyDir: {} }] },
    // validateVolumeSource looks for emptyDir first, whatever the order they were sent in.
    want: ['spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type'],
  },
  {
    name: 'a probe without a handler',
    spec: { containers: [{ ...app, readinessProbe: {} }] },
    want: ['spec.containers[0].readinessProbe: Required value: must specify a handler type'],
  },
  {
    name: 'a liveness probe that must succeed twice',
    spec: {
      containers: [{ ...app, livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } }],
    },
    want: ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  },
  {
    name: 'dnsPolicy None without servers',
    spec: { containers: [app], dnsPolicy: 'None' },
    want: ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  },
  {
    name: 'a toleration for a time of what never ends',
    spec: {
      containers: [app],
      tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 9 }],
    },
    want: [
      'spec.tolerations[0].effect: Invalid value: "NoSchedule": effect must be \'NoExecute\' when `tolerationSeconds` is set',
    ],
  },
  {
    name: 'restartPolicy',
    spec: { containers: [app], restartPolicy: 'Sometimes' },
    want: [
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
  },
]

suite('a new Pod is refused for', () => {
  for (const { name, spec, want } of invalidPods) {
    test(name, () => assert.deepEqual(podErrors(spec), want))
  }
})

suite('a Pod', () => {
  // core/v1/defaults.go v1.36
  test('gets its defaults', () =>
    assert.deepEqual(
      makePod({
        containers: [{ name: 'a', image: 'nginx', readinessProbe: { httpGet: { port: 80 } } }],
      }).spec,
      {
        containers: [
          {
            name: 'a',
            image: 'nginx',
            readinessProbe: {
              httpGet: { port: 80, path: '/', scheme: 'HTTP' },
              timeoutSeconds: 1,
              periodSeconds: 10,
              successThreshold: 1,
              failureThreshold: 3,
            },
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
            imagePullPolicy: 'Always',
          },
        ],
        restartPolicy: 'Always',
        terminationGracePeriodSeconds: 30,
        dnsPolicy: 'ClusterFirst',
        securityContext: {},
        schedulerName: 'default-scheduler',
        enableServiceLinks: true,
      },
    ))

  // pkg/util/parsers ParseImageName: no tag is latest, a digest is none.
  const images = [
    ['nginx', 'Always'],
    ['nginx:latest', 'Always'],
    ['nginx:1.25', 'IfNotPresent'],
    ['registry:5000/nginx', 'Always'],
    ['registry:5000/nginx:1', 'IfNotPresent'],
    ['nginx@sha256:0000', 'IfNotPresent'],
  ] as const
  for (const [image, want] of images) {
    test(`pulls ${image} ${want}`, () =>
      assert.equal(
        makePod({ containers: [{ name: 'a', image }] }).spec.containers[0]?.imagePullPolicy,
        want,
      ))
  }

  test('is warned of two containers on one port', () => {
    const ports = [{ containerPort: 80 }]
    const spec = {
      containers: [
        { ...app, ports },
        { ...app, name: 'b', ports },
      ],
    }
    // issue text: upstream's pkg/api/pod/warnings.go
    assert.deepEqual(pod.warnings?.(makePod(spec)), [
      'spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]',
    ])
  })

  const stored = {
    ...makePod({ containers: [app] }),
    metadata: { ...metadata, resourceVersion: '1' },
  }
  const change = (spec: object) =>
    pod
      .validateUpdate({ ...stored, spec: { ...stored.spec, ...spec } }, stored)
      .map(formatFieldError)
  test('may change its image', () =>
    assert.deepEqual(change({ containers: [{ ...stored.spec.containers[0], image: 'x' }] }), []))
  test('may tolerate more, and for another time', () => {
    const own: Toleration = {
      key: 'a',
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 9,
    }
    const old = { ...stored, spec: { ...stored.spec, tolerations: [own] } }
    const errorsOf = (tolerations: readonly Toleration[]) =>
      pod.validateUpdate({ ...old, spec: { ...old.spec, tolerations } }, old).map(formatFieldError)
    assert.deepEqual(errorsOf([{ ...own, tolerationSeconds: 5 }, { operator: 'Exists' }]), [])
    assert.deepEqual(errorsOf([{ operator: 'Exists' }]), [
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ])
  })
  test('may not gain a container', () =>
    assert.deepEqual(
      change({
        containers: [...stored.spec.containers, { ...stored.spec.containers[0], name: 'b' }],
      }),
      ['spec.containers: Forbidden: pod updates may not add or remove containers'],
    ))
  test('may not move', () => {
    const [error = ''] = change({ nodeName: 'node1' })
    assert.match(
      error,
      /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`,`spec\.initContainers\[\*\]\.image`,`spec\.activeDeadlineSeconds`,`spec\.tolerations` \(only additions to existing tolerations\),`spec\.terminationGracePeriodSeconds` \(allow it to be set to 1 if it was previously negative\)\n/,
    )
  })
})

const makeDeployment = (spec: object) =>
  deployment.default({ metadata, spec: spec as Deployment['spec'] })
const selector = { matchLabels: { app: 'web' } }
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [app] } }

// Expected texts: apps/validation.
const invalidDeployments = [
  {
    name: 'no selector',
    spec: { template },
    // No selector selects nothing: LabelSelectorAsSelector(nil) is labels.Nothing().
    want: [
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  },
  {
    name: 'an empty selector',
    spec: { selector: {}, template },
    want: ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
  },
  {
    name: 'other labels',
    spec: { selector, template: { ...template, metadata: { labels: { app: 'db' } } } },
    want: [
      'spec.template.metadata.labels: Invalid value: {"app":"db"}: `selector` does not match template `labels`',
    ],
  },
  {
    name: 'Recreate with parameters',
    spec: { selector, template, strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
    want: [
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ],
  },
  {
    name: 'a roll-out that cannot move',
    spec: { selector, template, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
    want: [
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    ],
  },
  {
    name: 'less than no replicas',
    spec: { replicas: -1, selector, template },
    want: ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  },
  {
    name: 'pods that end',
    spec: {
      selector,
      template: { ...template, spec: { containers: [app], restartPolicy: 'Never' } },
    },
    want: [
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
  },
]

suite('a Deployment is refused for', () => {
  for (const { name, spec, want } of invalidDeployments) {
    test(name, () =>
      assert.deepEqual(deployment.validate(makeDeployment(spec)).map(formatFieldError), want),
    )
  }
  test('another selector', () => {
    const old = {
      ...makeDeployment({ selector, template }),
      metadata: { ...metadata, resourceVersion: '1' },
    }
    const next = {
      ...old,
      spec: { ...old.spec, selector: { matchLabels: { app: 'web', tier: 'a' } } },
    }
    assert.equal(
      deployment.validateUpdate(next, old).map(formatFieldError)[0],
      'spec.selector: Invalid value: {"matchLabels":{"app":"web","tier":"a"}}: field is immutable',
    )
  })
})

test('generation counts changes of spec, not of labels', () => {
  const old = deployment.prepareCreate(makeDeployment({ selector, template }))
  assert.equal(old.metadata.generation, 1)
  const labelled = { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }
  assert.equal(deployment.prepareUpdate(labelled, old).metadata.generation, 1)
  const scaled = { ...old, spec: { ...old.spec, replicas: 3 } }
  assert.equal(deployment.prepareUpdate(scaled, old).metadata.generation, 2)
})

test('an update keeps the status, a status update keeps the spec', () => {
  const old = { ...makeDeployment({ selector, template }), status: { replicas: 1 } }
  const next = { ...old, spec: { ...old.spec, replicas: 5 }, status: { replicas: 9 } }
  assert.deepEqual(deployment.prepareUpdate(next, old).status, { replicas: 1 })
  const reported = deployment.prepareStatusUpdate?.(next, old)
  assert.equal(reported?.spec.replicas, 1)
  assert.deepEqual(reported?.status, { replicas: 9 })
})

test('a Node is created with its status, as a kubelet registers it', () => {
  const object = { metadata: { name: 'node1' }, status: { capacity: { cpu: '2' } } }
  // core/v1/defaults.go SetDefaults_NodeStatus
  const { capacity, allocatable } = node.prepareCreate(node.default(object)).status!
  assert.deepEqual({ capacity, allocatable }, { capacity: { cpu: '2' }, allocatable: { cpu: '2' } })
})

// kube-apiserver v1.36.0, src/apiserver/testing/conversations/testdata/creates.json
test('clients set generation only of new objects whose kind does not count it', () => {
  const object = { metadata: { ...metadata, generation: 7 }, data: {} }
  assert.equal(configMap.prepareCreate(object).metadata.generation, 7)
  assert.equal(configMap.prepareUpdate(object, { metadata }).metadata.generation, undefined)
})
