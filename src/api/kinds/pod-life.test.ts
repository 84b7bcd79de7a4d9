/** What may change of a pod that is there. Expected texts: core/validation v1.36 (ValidatePodStatusUpdate, ValidatePodResize, ValidatePodSpecificAnnotations). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '../core.ts'
import { formatFieldError } from '../field-error.ts'
import { pod } from './pod.ts'
import { validateResize, withResources } from './pod-resize.ts'
import { service } from './service.ts'

const app = { name: 'app', image: 'nginx' }
const metadata = { name: 'web', namespace: 'default', resourceVersion: '1' }
const make = (spec: Partial<PodSpec> = {}, status: PodStatus = {}): Pod => ({
  ...pod.default({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [app], ...spec } }),
  status: { qosClass: 'BestEffort', ...status },
})
const container = (name: string, state: ContainerStatus['state']): ContainerStatus => ({
  name,
  ...(state ? { state } : {}),
  ready: false,
  restartCount: 0,
  image: 'x',
  imageID: '',
})
const ended = (exitCode: number) => ({ terminated: { exitCode } })
const running = { running: {} }
const refused = 'Forbidden: may not be transitioned to non-terminated state'

const lives: readonly {
  readonly name: string
  readonly spec: Partial<PodSpec>
  readonly from: PodStatus
  readonly to: PodStatus
  readonly want: readonly string[]
}[] = [
  {
    name: 'Never: what ended runs again',
    spec: { restartPolicy: 'Never' },
    from: { containerStatuses: [container('app', ended(1))] },
    to: { containerStatuses: [container('app', running)] },
    want: [`status.containerStatuses[0].state: ${refused}`],
  },
  {
    name: 'Never: what ended waits',
    spec: { restartPolicy: 'Never' },
    from: { containerStatuses: [container('app', ended(0))] },
    to: { containerStatuses: [container('app', { waiting: { reason: 'ContainerCreating' } })] },
    want: [`status.containerStatuses[0].state: ${refused}`],
  },
  {
    name: 'OnFailure: a failure is tried again',
    spec: { restartPolicy: 'OnFailure' },
    from: { containerStatuses: [container('app', ended(1))] },
    to: { containerStatuses: [container('app', running)] },
    want: [],
  },
  {
    name: 'OnFailure: a success is not',
    spec: { restartPolicy: 'OnFailure' },
    from: { containerStatuses: [container('app', ended(0))] },
    to: { containerStatuses: [container('app', running)] },
    want: [`status.containerStatuses[0].state: ${refused}`],
  },
  {
    name: 'Always: all run again',
    spec: { restartPolicy: 'Always' },
    from: { containerStatuses: [container('app', ended(0))] },
    to: { containerStatuses: [container('app', running)] },
    want: [],
  },
  {
    name: "a rule of the container's own",
    spec: {
      restartPolicy: 'Never',
      containers: [
        {
          ...app,
          restartPolicy: 'Never',
          restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
        },
      ],
    },
    from: { containerStatuses: [container('app', ended(42))] },
    to: { containerStatuses: [container('app', running)] },
    want: [],
  },
  {
    name: 'an init container that is no sidecar',
    spec: {
      restartPolicy: 'Never',
      initContainers: [
        { ...app, name: 'a' },
        { ...app, name: 'b', restartPolicy: 'Always' },
      ],
    },
    from: { initContainerStatuses: [container('a', ended(0)), container('b', ended(0))] },
    to: { initContainerStatuses: [container('a', running), container('b', running)] },
    want: [`status.initContainerStatuses[0].state: ${refused}`],
  },
  {
    name: 'an ephemeral container',
    spec: { restartPolicy: 'Always' },
    from: { ephemeralContainerStatuses: [container('debug', ended(1))] },
    to: { ephemeralContainerStatuses: [container('debug', running)] },
    want: [`status.ephemeralContainerStatuses[0].state: ${refused}`],
  },
  {
    name: 'another class of service',
    spec: {},
    from: {},
    to: { qosClass: 'Guaranteed' },
    want: ['status.qosClass: Invalid value: "Guaranteed": field is immutable'],
  },
  {
    name: 'a condition that is no name, and a generation before the first',
    spec: {},
    from: {},
    to: { observedGeneration: -1, conditions: [{ type: 'a b', status: 'True' }] },
    want: [
      `status.conditions[0].Type: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
      'status.observedGeneration: Invalid value: -1: must be a non-negative integer',
    ],
  },
]

suite('the status of a pod:', () => {
  for (const { name, spec, from, to, want } of lives) {
    test(name, () => {
      const old = make(spec, from)
      const next = { ...old, status: { ...old.status, ...to } }
      assert.deepEqual(pod.validateStatusUpdate!(next, old).map(formatFieldError), want)
    })
  }

  test('its class of service is settled when it is created, after admission', () => {
    const limits = { cpu: '1', memory: '1Gi' }
    const created = pod.prepareCreate(make())
    assert.equal(created.status?.qosClass, undefined)
    const limited = {
      ...created,
      spec: { containers: [{ ...app, resources: { limits, requests: limits } }] },
    }
    assert.equal(pod.completeCreate!(limited).status?.qosClass, 'Guaranteed')
  })
})

test('who writes addresses in another spelling is told so', () => {
  const status = { podIPs: [{ ip: '10.0.0.1' }, { ip: 'FD00::1' }], hostIPs: [{ ip: '10.0.0.2' }] }
  assert.deepEqual(pod.statusWarnings!({ ...make(), status }), [
    'status.podIPs[1].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
  ])
  const loadBalancer = { ingress: [{ hostname: 'a' }, { ip: 'FD00::2' }] }
  assert.deepEqual(service.statusWarnings!({ metadata, spec: {}, status: { loadBalancer } }), [
    'status.loadBalancer.ingress[1]: IPv6 address "FD00::2" should be in RFC 5952 canonical format ("fd00::2")',
  ])
})

const annotated = (annotations: Record<string, string>, spec: Partial<PodSpec> = {}) => {
  const made = make(spec)
  return { ...made, metadata: { ...made.metadata, annotations } }
}
const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/app'
const SECCOMP = 'container.seccomp.security.alpha.kubernetes.io/app'
const COST = 'controller.kubernetes.io/pod-deletion-cost'

const annotations: readonly {
  readonly name: string
  readonly object: Pod
  readonly want: readonly string[]
}[] = [
  {
    name: 'AppArmor of no container',
    object: annotated({ [`${APP_ARMOR}x`]: 'unconfined' }),
    want: [`metadata.annotations[${APP_ARMOR}x]: Invalid value: "appx": container not found`],
  },
  {
    name: 'AppArmor that is no profile',
    object: annotated({ [APP_ARMOR]: 'mine' }),
    want: [
      `metadata.annotations[${APP_ARMOR}]: Invalid value: "mine": invalid AppArmor profile name: "mine"`,
    ],
  },
  {
    name: 'AppArmor other than the field',
    object: annotated(
      { [APP_ARMOR]: 'unconfined' },
      { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } },
    ),
    want: [
      'spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match',
    ],
  },
  {
    name: 'AppArmor of another file than the field',
    object: annotated(
      { [APP_ARMOR]: 'localhost/a' },
      { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'b' } } },
    ),
    want: [
      'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match',
    ],
  },
  {
    name: 'AppArmor as the field',
    object: annotated(
      { [APP_ARMOR]: 'localhost/a' },
      { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'a' } } },
    ),
    want: [],
  },
  {
    name: 'seccomp other than the field',
    object: annotated(
      { [SECCOMP]: 'unconfined' },
      { containers: [{ ...app, securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }] },
    ),
    want: [
      'spec.containers[0].securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match',
    ],
  },
  {
    name: 'seccomp that is no profile',
    object: annotated({ [SECCOMP]: 'x' }),
    want: [`metadata.annotations.${SECCOMP}: Invalid value: "x": must be a valid seccomp profile`],
  },
  {
    name: 'a deletion cost that is no number',
    object: annotated({ [COST]: '+10' }),
    want: [`metadata.annotations[${COST}]: Invalid value: "+10": must be a 32bit integer`],
  },
  { name: 'a deletion cost below zero', object: annotated({ [COST]: '-10' }), want: [] },
  {
    name: 'a mirror of a pod on no node',
    object: annotated({ 'kubernetes.io/config.mirror': 'x' }),
    want: [
      'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
    ],
  },
]

suite('annotations of a pod:', () => {
  for (const { name, object, want } of annotations)
    test(name, () => assert.deepEqual(pod.validate(object).map(formatFieldError), want))

  test('AppArmor is neither added nor taken', () => {
    const [without, with_] = [annotated({}), annotated({ [APP_ARMOR]: 'unconfined' })]
    const field = `metadata.annotations[${APP_ARMOR}]`
    assert.deepEqual(pod.validateUpdate(with_, without).map(formatFieldError), [
      `${field}: Forbidden: may not add AppArmor annotations`,
    ])
    assert.deepEqual(pod.validateUpdate(without, with_).map(formatFieldError), [
      `${field}: Forbidden: may not remove or update AppArmor annotations`,
    ])
  })
})

const sized = (requests: Record<string, string>, status: PodStatus = {}) =>
  make({ containers: [{ ...app, resources: { requests } }] }, { qosClass: 'Burstable', ...status })
const small = sized({ cpu: '100m', memory: '64Mi' })

const resizes: readonly {
  readonly name: string
  readonly old: Pod
  readonly wanted: Pod
  readonly want: readonly string[]
}[] = [
  { name: 'more cpu', old: small, wanted: sized({ cpu: '200m', memory: '64Mi' }), want: [] },
  {
    name: 'no cpu any more',
    old: small,
    wanted: sized({ memory: '64Mi' }),
    want: ['spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed'],
  },
  {
    name: 'more of another resource',
    old: small,
    wanted: sized({ cpu: '100m', memory: '64Mi', 'ephemeral-storage': '1Gi' }),
    want: ['spec: Forbidden: only cpu and memory resources are mutable'],
  },
  {
    name: 'another class of service',
    old: make(),
    wanted: sized({ cpu: '1' }),
    want: [
      'spec: Invalid value: "BestEffort": Pod QOS Class may not change as a result of resizing',
    ],
  },
  {
    name: 'on a node that cannot',
    old: sized({ cpu: '1' }, { containerStatuses: [container('app', running)] }),
    wanted: sized({ cpu: '2' }),
    want: ['spec: Forbidden: Pod running on node without support for resize'],
  },
  {
    name: 'another container',
    old: small,
    wanted: make({ containers: [{ ...app, name: 'b' }] }),
    want: [
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
      'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
    ],
  },
]

suite('the resources of a pod:', () => {
  for (const { name, old, wanted, want } of resizes) {
    test(name, () => {
      const merged = withResources(wanted, old)
      assert.deepEqual(validateResize(merged, old).map(formatFieldError), want)
    })
  }

  test('all else that was sent is left out', () => {
    const sent = sized({ cpu: '1', memory: '64Mi' })
    const wanted = { ...sent, spec: { ...sent.spec, nodeName: 'x' } }
    const merged = withResources(wanted, small)
    assert.equal(merged.spec.nodeName, undefined)
    assert.equal(merged.spec.containers[0]!.resources?.requests?.cpu, '1')
  })
})
