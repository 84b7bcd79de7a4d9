import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node, Pod, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { planServiceSlices } from './plan-service-slices.ts'
import type { SlicePlan } from './plan-slices.ts'

// Addresses in all tests: pods 10.244.0.0/16, services 10.96.0.0/16, nodes 172.30.0.0/24.
const service = (
  spec: Partial<Service['spec']> = {},
  labels?: Record<string, string>,
): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 'svc-1', ...(labels && { labels }) },
  spec: {
    clusterIP: '10.96.0.20',
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    ...spec,
  },
})

interface PodOptions {
  readonly ready?: boolean
  readonly terminating?: boolean
  readonly phase?: NonNullable<Pod['status']>['phase']
  readonly ip?: string | undefined
  readonly spec?: Partial<Pod['spec']>
}

function pod(
  index: number,
  {
    ready = true,
    terminating = false,
    phase = 'Running',
    ip = `10.244.1.${index}`,
    spec = {},
  }: PodOptions = {},
): Pod {
  return {
    metadata: {
      name: `web-${index}`,
      namespace: 'default',
      uid: `pod-${index}`,
      labels: { app: 'web' },
      ...(terminating && { deletionTimestamp: '2026-11-21T00:00:00Z' }),
    },
    spec: {
      nodeName: 'node1',
      containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 9000, protocol: 'TCP' }] }],
      ...spec,
    },
    status: {
      phase,
      ...(ip && { podIP: ip, podIPs: [{ ip }] }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

const nodes = new Map<string, Node>([
  ['node1', { metadata: { name: 'node1', labels: { 'topology.kubernetes.io/zone': 'z1' } } }],
])
const plan = (
  svc: Service,
  pods: readonly Pod[],
  held: readonly EndpointSlice[] = [],
  maxEndpoints = 100,
) => planServiceSlices({ service: svc, pods, nodes, held, maxEndpoints })

let names = 0
/** What the API holds after a plan was written. */
function apply(
  { create, update, remove }: SlicePlan,
  held: readonly EndpointSlice[] = [],
): readonly EndpointSlice[] {
  const gone = new Set(remove.map(({ metadata }) => metadata.name))
  const kept = held
    .filter(({ metadata }) => !gone.has(metadata.name))
    .map((slice) => update.find(({ metadata }) => metadata.name === slice.metadata.name) ?? slice)
  return [
    ...kept,
    ...create.map((slice) => ({
      ...slice,
      metadata: { ...slice.metadata, name: `web-${names++}` },
    })),
  ]
}
const sizes = (slices: readonly EndpointSlice[]) =>
  slices.map(({ endpoints }) => endpoints?.length ?? 0)
const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => pod(from + index))

suite('planServiceSlices() makes of a pod', () => {
  // Source of all rows: facts/services.md 6 (kubernetes/endpointslice utils.go) and the API's documentation of conditions.
  const cases: readonly { name: string; service?: Service; pod: Pod; want: unknown }[] = [
    {
      name: 'a ready endpoint',
      pod: pod(7),
      want: { ready: true, serving: true, terminating: false },
    },
    {
      name: 'one that is not ready',
      pod: pod(7, { ready: false }),
      want: { ready: false, serving: false, terminating: false },
    },
    {
      name: 'one that terminates and serves on',
      pod: pod(7, { terminating: true }),
      want: { ready: false, serving: true, terminating: true },
    },
    {
      name: 'one that terminates',
      pod: pod(7, { terminating: true, ready: false }),
      want: { ready: false, serving: false, terminating: true },
    },
    {
      name: 'a published one, not ready',
      service: service({ publishNotReadyAddresses: true }),
      pod: pod(7, { ready: false }),
      want: { ready: true, serving: false, terminating: false },
    },
    { name: 'nothing, when it has failed', pod: pod(7, { phase: 'Failed' }), want: undefined },
    {
      name: 'nothing, when it has succeeded',
      pod: pod(7, { phase: 'Succeeded' }),
      want: undefined,
    },
    { name: 'nothing, without an address', pod: pod(7, { ip: '' }), want: undefined },
    {
      name: 'nothing, with an address of the other family',
      pod: pod(7, { ip: 'fd00:10:244::7' }),
      want: undefined,
    },
  ]
  for (const { name, service: svc = service(), pod, want } of cases) {
    test(name, () => assert.deepEqual(plan(svc, [pod]).create[0]?.endpoints?.[0]?.conditions, want))
  }

  test('a whole endpoint', () => {
    const svc = service({ clusterIP: 'None' })
    const { metadata: _, ...slice } = plan(svc, [
      pod(7, { spec: { hostname: 'web-7', subdomain: 'web' } }),
    ]).create[0]!
    assert.deepEqual(slice, {
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.244.1.7'],
          conditions: { ready: true, serving: true, terminating: false },
          hostname: 'web-7',
          nodeName: 'node1',
          zone: 'z1',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'web-7', uid: 'pod-7' },
        },
      ],
    })
  })

  test('no hostname below another subdomain', () => {
    const [slice] = plan(service(), [
      pod(7, { spec: { hostname: 'web-7', subdomain: 'other' } }),
    ]).create
    assert.equal(slice?.endpoints?.[0]?.hostname, undefined)
  })
})

suite('planServiceSlices() names a slice', () => {
  test('after its Service, with labels that say whose it is', () => {
    const svc = service(
      {},
      {
        team: 'a',
        'kubernetes.io/service-name': 'lie',
        'endpointslice.kubernetes.io/managed-by': 'me',
      },
    )
    assert.deepEqual(plan(svc, [pod(1)]).create[0]?.metadata, {
      name: '',
      generateName: 'web-',
      namespace: 'default',
      labels: {
        team: 'a',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      annotations: {},
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          name: 'web',
          uid: 'svc-1',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    })
  })

  test('headless, where the Service is', () => {
    assert.equal(
      plan(service({ clusterIP: 'None' }), [pod(1)]).create[0]?.metadata.labels?.[
        'service.kubernetes.io/headless'
      ],
      '',
    )
  })

  test('anew, when the Service changes its labels', () => {
    const held = apply(plan(service(), [pod(1)]))
    const { create, update, remove } = plan(service({}, { team: 'b' }), [pod(1)], held)
    assert.deepEqual([create.length, remove.length], [0, 0])
    assert.equal(update[0]?.metadata.labels?.team, 'b')
  })
})

suite('planServiceSlices() of a dual-stack Service', () => {
  // Source: kubernetes/endpointslice reconciler.go, Reconcile: slices of their own for each of spec.ipFamilies.
  const dual = service({ ipFamilies: ['IPv6', 'IPv4'], ipFamilyPolicy: 'RequireDualStack' })
  const both = pod(7)
  const pods = [
    {
      ...both,
      status: { ...both.status, podIPs: [{ ip: '10.244.1.7' }, { ip: 'fd00:10:244::7' }] },
    },
    pod(8),
  ]
  const addresses = (slices: readonly EndpointSlice[]) =>
    slices.map(({ addressType, endpoints }) => [
      addressType,
      ...(endpoints ?? []).flatMap(({ addresses }) => addresses),
    ])

  test('makes slices for each family', () =>
    assert.deepEqual(addresses(plan(dual, pods).create), [
      ['IPv6', 'fd00:10:244::7'],
      ['IPv4', '10.244.1.7', '10.244.1.8'],
    ]))

  test('says "none" in each family', () =>
    assert.deepEqual(addresses(plan(dual, []).create), [['IPv6'], ['IPv4']]))

  test('that gives up a family removes its slices', () => {
    const held = apply(plan(dual, pods))
    const { create, update, remove } = plan(service({ ipFamilies: ['IPv6'] }), pods, held)
    assert.deepEqual(
      [create, update, addresses(remove)],
      [[], [], [['IPv4', '10.244.1.7', '10.244.1.8']]],
    )
  })
})

suite('planServiceSlices() of a pod whose node is not known', () => {
  // Source: facts/services.md 6; kubernetes/endpointslice reconciler.go, reconcileByAddressType.
  const stranger = pod(9, { spec: { nodeName: 'node9' } })

  test('leaves it out, and says so', () => {
    const { create, homeless } = plan(service(), [pod(1), stranger])
    assert.deepEqual([sizes(create), homeless], [[1], [stranger]])
  })

  test('shows it where the Service publishes whatever there is', () => {
    const publishing = service({ publishNotReadyAddresses: true })
    const { create, homeless } = plan(publishing, [pod(1), stranger])
    assert.deepEqual([sizes(create), homeless], [[2], []])
  })
})

suite('planServiceSlices() resolves ports', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }] })
  const other = { containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 9001 }] }] }

  test('by name, per pod: pods that differ go to different slices', () => {
    const { create } = plan(named, [pod(1), pod(2, { spec: other })])
    assert.deepEqual(
      create.map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints?.[0]?.addresses[0]]),
      [
        [9000, '10.244.1.1'],
        [9001, '10.244.1.2'],
      ],
    )
  })

  test('by name and protocol', () => {
    const udp = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'UDP' }] })
    assert.deepEqual(plan(udp, [pod(1)]).create[0]?.ports, [])
  })

  test('also in sidecars', () => {
    const spec = {
      containers: [{ name: 'c' }],
      initContainers: [
        { name: 's', restartPolicy: 'Always', ports: [{ name: 'web', containerPort: 9100 }] },
      ],
    }
    assert.equal(plan(named, [pod(1, { spec })]).create[0]?.ports?.[0]?.port, 9100)
  })

  test('to none, of a headless Service without ports', () => {
    assert.deepEqual(plan(service({ clusterIP: 'None', ports: [] }), [pod(1)]).create[0]?.ports, [])
  })
})

suite('planServiceSlices() packs', () => {
  // Source: facts/services.md 6, "Packing"; kubernetes/endpointslice reconciler.go, reconcileByPortMapping.
  test('250 endpoints into 100, 100 and 50', () => {
    assert.deepEqual(sizes(apply(plan(service(), range(0, 250)))), [100, 100, 50])
  })

  test('nothing anew when nothing changed', () => {
    const held = apply(plan(service(), range(0, 150)))
    const { create, update, remove } = plan(service(), range(0, 150).toReversed(), held)
    assert.deepEqual({ create, update, remove }, { create: [], update: [], remove: [] })
  })

  test('a changed condition in place, with one write', () => {
    const held = apply(plan(service(), range(0, 150)))
    const { create, update, remove } = plan(
      service(),
      [pod(0, { ready: false }), ...range(1, 150)],
      held,
    )
    assert.deepEqual([create.length, update.length, remove.length], [0, 1, 0])
  })

  test('new endpoints into a slice that is written anyway', () => {
    const held = apply(plan(service(), range(0, 15), [], 10), [])
    // Slice 0 loses one pod and takes the new one; slice 1 has more room, but needs no write.
    const { create, update } = plan(service(), range(1, 16), held, 10)
    assert.deepEqual([create.length, update.length, sizes(update)], [0, 1, [10]])
  })

  test('new endpoints into the untouched slice that they fit best', () => {
    const held = apply(plan(service(), range(0, 15), [], 10))
    const { create, update } = plan(service(), range(0, 18), held, 10)
    assert.deepEqual([create.length, sizes(update)], [0, [8]])
  })

  test('without rebalancing: half-empty slices stay', () => {
    const held = apply(plan(service(), range(0, 20), [], 10))
    const fewer = [...range(0, 3), ...range(10, 13)]
    assert.deepEqual(sizes(apply(plan(service(), fewer, held, 10), held)), [3, 3])
  })

  test('an emptied slice away', () => {
    const held = apply(plan(service(), range(0, 15), [], 10))
    const { create, update, remove } = plan(service(), range(0, 10), held, 10)
    assert.deepEqual([create.length, update.length, sizes(remove)], [0, 0, [5]])
  })

  test('no endpoints into one empty slice', () => {
    const [slice, ...more] = plan(service(), []).create
    assert.deepEqual([slice?.endpoints, slice?.ports, more], [[], [], []])
    const held = apply(plan(service(), []))
    const { create, update, remove } = plan(service(), [], held)
    assert.deepEqual({ create, update, remove }, { create: [], update: [], remove: [] })
  })

  test('the first endpoint into the empty slice, and the last one out of it', () => {
    const empty = apply(plan(service(), []))
    const first = plan(service(), [pod(1)], empty)
    assert.deepEqual([first.create.length, first.update.length, first.remove.length], [0, 1, 0])
    const held = apply(first, empty)
    const last = plan(service(), [], held)
    assert.deepEqual([last.create.length, sizes(last.update), last.remove.length], [0, [0], 0])
  })

  test('slices that another Service of this name left behind away', () => {
    const held = apply(plan(service(), [pod(1)]))
    const renewed = { ...service(), metadata: { ...service().metadata, uid: 'svc-2' } }
    const { create, remove } = plan(renewed, [pod(1)], held)
    assert.deepEqual([create.length, remove.length], [1, 1])
  })

  test('an endpoint once, though two slices hold it', () => {
    const one = apply(plan(service(), [pod(1)]))
    const both = [...one, { ...one[0]!, metadata: { ...one[0]!.metadata, name: 'web-copy' } }]
    assert.deepEqual(sizes(apply(plan(service(), [pod(1)], both), both)), [1])
  })

  test('nothing new for a Service that is going away', () => {
    const leaving = {
      ...service(),
      metadata: { ...service().metadata, deletionTimestamp: '2026-11-21T00:00:00Z' },
    }
    assert.deepEqual(plan(leaving, [pod(1)]).create, [])
  })
})
