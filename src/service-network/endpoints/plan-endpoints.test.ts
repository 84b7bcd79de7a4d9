import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Endpoints, Pod, Service } from '#api/core.ts'
import { planEndpoints } from './plan-endpoints.ts'
import { planMirror } from './plan-mirror.ts'

const service = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 'svc-1', labels: { team: 'a' } },
  spec: {
    clusterIP: '10.96.0.20',
    selector: { app: 'web' },
    ports: [{ port: 80, targetPort: 8080 }],
    ...spec,
  },
})
const pod = (index: number, ready = true, extra: Partial<Pod['metadata']> = {}): Pod => ({
  metadata: { name: `web-${index}`, namespace: 'default', uid: `pod-${index}`, ...extra },
  spec: {
    nodeName: 'node1',
    containers: [{ name: 'c', ports: [{ name: 'web', containerPort: 9000 + (index % 2) }] }],
  },
  status: {
    phase: 'Running',
    podIP: `10.244.${index >> 8}.${index & 255}`,
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
})
const address = (index: number) => ({
  ip: `10.244.0.${index}`,
  nodeName: 'node1',
  targetRef: { kind: 'Pod', namespace: 'default', name: `web-${index}`, uid: `pod-${index}` },
})

suite('planEndpoints()', () => {
  // Source: pkg/controller/endpoint/endpoints_controller_test.go, and the API's documentation of Endpoints.
  test('parts ready pods from others, sorted by address', () => {
    const planned = planEndpoints(service(), [pod(10), pod(9), pod(3, false)], undefined)
    assert.deepEqual(planned, {
      metadata: {
        name: 'web',
        namespace: 'default',
        annotations: {},
        labels: { team: 'a', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
      },
      subsets: [
        {
          addresses: [address(9), address(10)],
          notReadyAddresses: [address(3)],
          ports: [{ port: 8080, protocol: 'TCP' }],
        },
      ],
    })
  })

  test('makes a subset for each set of ports', () => {
    const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web' }] })
    const planned = planEndpoints(named, [pod(1), pod(2)], undefined)
    assert.deepEqual(
      planned?.subsets?.map(({ ports, addresses }) => [ports?.[0]?.port, addresses?.[0]?.ip]),
      [
        [9000, '10.244.0.2'],
        [9001, '10.244.0.1'],
      ],
    )
  })

  test('leaves out pods that terminate, unless whatever there is shall be published', () => {
    const leaving = pod(1, true, { deletionTimestamp: '2026-11-21T00:00:00Z' })
    assert.deepEqual(planEndpoints(service(), [leaving], undefined)?.subsets, [])
    assert.equal(
      planEndpoints(service({ publishNotReadyAddresses: true }), [leaving], undefined)?.subsets?.[0]
        ?.addresses?.length,
      1,
    )
  })

  test('makes a subset without ports for a headless Service without ports', () => {
    const planned = planEndpoints(service({ clusterIP: 'None', ports: [] }), [pod(1)], undefined)
    assert.deepEqual(planned?.subsets, [{ addresses: [address(1)] }])
    assert.equal(planned?.metadata.labels?.['service.kubernetes.io/headless'], '')
  })

  test('says nothing when nothing changed', () => {
    const held = planEndpoints(service(), [pod(1)], undefined)
    assert.equal(planEndpoints(service(), [pod(1)], held), undefined)
  })

  test('stops at 1000 addresses, the ready ones first, and says so', () => {
    const pods = Array.from({ length: 1200 }, (_, index) => pod(index + 1, index >= 300))
    const planned = planEndpoints(service(), pods, undefined)
    assert.deepEqual(
      [planned?.subsets?.[0]?.addresses?.length, planned?.subsets?.[0]?.notReadyAddresses?.length],
      [900, 100],
    )
    assert.equal(
      planned?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'],
      'truncated',
    )
    const fewer = planEndpoints(service(), pods.slice(0, 5), planned)
    assert.equal(fewer?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], undefined)
  })

  test('gives each subset its share of the 1000, rounded up, and the last what is left', () => {
    // endpoints_controller.go truncateEndpoints: ceil(801/1201*1000) = 667, then 333 of ceil(400/1201*1000) = 334.
    const even = Array.from({ length: 801 }, (_, index) => pod(2 * (index + 1)))
    const odd = Array.from({ length: 400 }, (_, index) => pod(2 * index + 1))
    const named = service({ ports: [{ port: 80, targetPort: 'web' }] })
    const planned = planEndpoints(named, [...even, ...odd], undefined)
    assert.deepEqual(
      planned?.subsets?.map(({ addresses }) => addresses?.length),
      [667, 333],
    )
  })
})

suite('planMirror()', () => {
  const bare: Service = {
    metadata: { name: 'db', namespace: 'default', uid: 's' },
    spec: { ports: [{ port: 5432 }] },
  }
  const byHand = (metadata: Partial<Endpoints['metadata']> = {}): Endpoints => ({
    metadata: { name: 'db', namespace: 'default', uid: 'e', labels: { team: 'a' }, ...metadata },
    subsets: [
      {
        addresses: [{ ip: '203.0.113.9' }],
        notReadyAddresses: [{ ip: '203.0.113.10' }],
        ports: [{ name: 'pg', port: 5432 }],
      },
    ],
  })

  // Source: facts/services.md 6, "Mirroring"; pkg/controller/endpointslicemirroring.
  test('shows hand-made Endpoints as a slice of theirs', () => {
    assert.deepEqual(
      planMirror(
        bare,
        byHand({
          annotations: { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
        }),
        [],
      ).create,
      [
        {
          metadata: {
            name: '',
            generateName: 'db-',
            namespace: 'default',
            annotations: { note: 'x' },
            labels: {
              team: 'a',
              'kubernetes.io/service-name': 'db',
              'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
            },
            ownerReferences: [
              {
                apiVersion: 'v1',
                kind: 'Endpoints',
                name: 'db',
                uid: 'e',
                controller: true,
                blockOwnerDeletion: true,
              },
            ],
          },
          addressType: 'IPv4',
          ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }],
          endpoints: [
            { addresses: ['203.0.113.9'], conditions: { ready: true } },
            { addresses: ['203.0.113.10'], conditions: { ready: false } },
          ],
        },
      ],
    )
  })

  const skipped: readonly {
    name: string
    service: Service | undefined
    endpoints: Endpoints | undefined
  }[] = [
    { name: 'without their Service', service: undefined, endpoints: byHand() },
    {
      name: 'of a Service with a selector',
      service: { ...bare, spec: { ...bare.spec, selector: { app: 'db' } } },
      endpoints: byHand(),
    },
    {
      name: 'that are marked',
      service: bare,
      endpoints: byHand({ labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }),
    },
    {
      name: 'that elect a leader',
      service: bare,
      endpoints: byHand({ annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }),
    },
    { name: 'that are gone', service: bare, endpoints: undefined },
  ]
  for (const { name, service, endpoints } of skipped) {
    test(`takes the slices of Endpoints away ${name}`, () => {
      const held = planMirror(bare, byHand(), []).create
      assert.deepEqual(planMirror(service, endpoints, held), {
        create: [],
        update: [],
        remove: held,
        warnings: [],
      })
    })
  }

  // Source: pkg/controller/endpointslicemirroring: a subset becomes one slice of a family, of 1,000 addresses at most; texts of its events.
  test('fits a large subset into one slice, and tells of what it skipped', () => {
    const addresses = Array.from({ length: 1003 }, (_, index) => ({
      ip: `203.0.${index >> 8}.${index & 255}`,
    }))
    const large = {
      ...byHand(),
      subsets: [{ addresses: [{ ip: 'db.example' }, ...addresses], ports: [{ port: 80 }] }],
    }
    const { create, warnings } = planMirror(bare, large, [])
    assert.deepEqual(
      create.map(({ endpoints }) => endpoints?.length),
      [1000],
    )
    assert.deepEqual(warnings, [
      {
        reason: 'InvalidIPAddress',
        message: 'Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
      },
      {
        reason: 'TooManyAddressesToMirror',
        message:
          'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 4 addresses were skipped',
      },
    ])
  })

  test('makes a slice for each family', () => {
    const both = {
      ...byHand(),
      subsets: [
        { addresses: [{ ip: '203.0.113.9' }, { ip: '2001:db8::9' }], ports: [{ port: 80 }] },
      ],
    }
    assert.deepEqual(
      planMirror(bare, both, []).create.map(({ addressType }) => addressType),
      ['IPv4', 'IPv6'],
    )
  })
})
