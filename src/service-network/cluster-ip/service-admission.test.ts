/** Sources: facts/services.md 1.2 (registry/core/service/storage/alloc.go, v1.36), KEP-3070 and KEP-3668 for the bands. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service, ServicePort, ServiceSpec } from '#api/core.ts'
import { services } from '#api/resources.ts'
import { cidr } from '#ip/cidr.ts'
import { staticBand } from './band-allocator.ts'
import { createServiceAdmission } from './service-admission.ts'

const service = (spec: ServiceSpec, name = 'web'): Service => ({
  metadata: { name, namespace: 'default' },
  spec,
})
const port = (more: Partial<ServicePort> = {}): ServicePort => ({
  port: 80,
  protocol: 'TCP',
  ...more,
})

type Admission = ReturnType<typeof createServiceAdmission>

/** A small network: 10.96.0.1-10.96.0.30, static band 10.96.0.1-16; node ports 30000-30031, static 30000-30015. */
const create = (random = () => 0) =>
  createServiceAdmission({
    serviceCIDR: cidr('10.96.0.0/27'),
    nodePorts: { from: 30_000, to: 30_031 },
    random,
  })

const request = { resource: services, dryRun: false } as const

function add(admission: Admission, spec: ServiceSpec, stored = true): Service {
  const { object, settle } = admission.admit({
    ...request,
    operation: 'CREATE',
    object: service(spec),
  })
  settle?.(stored)
  return object as Service
}

function change(admission: Admission, old: Service, spec: ServiceSpec, stored = true): Service {
  const { object, settle } = admission.admit({
    ...request,
    operation: 'UPDATE',
    object: service(spec),
    old,
  })
  settle?.(stored)
  return object as Service
}

function remove(admission: Admission, object: Service): void {
  admission.admit({ ...request, operation: 'DELETE', object }).settle?.(true)
}

suite('the bands are', () => {
  const bands = [
    { name: '256 addresses of a /12', size: 2 ** 20, of: [16, 256], want: 256 },
    { name: '256 addresses of a /16', size: 65_536, of: [16, 256], want: 256 },
    { name: '16 addresses of a /24', size: 256, of: [16, 256], want: 16 },
    { name: 'none of a /29', size: 8, of: [16, 256], want: 0 },
    { name: '86 of 30000-32767', size: 2768, of: [32, 128], want: 86 }, // 30000..30085, facts 0
  ] as const
  for (const { name, size, of, want } of bands) {
    test(name, () => assert.equal(staticBand(size, of[0], of[1]), want))
  }
})

suite('a new Service gets', () => {
  const spec = { type: 'ClusterIP', ports: [port()], selector: { a: 'b' } } as const

  test('an address of the upper band, its family and policy', () => {
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = add(create(), spec).spec
    assert.deepEqual(
      { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy },
      {
        clusterIP: '10.96.0.17',
        clusterIPs: ['10.96.0.17'],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
      },
    )
  })

  test('the lower band when the upper is full, then a refusal', () => {
    const admission = create()
    const given = Array.from({ length: 30 }, () => add(admission, spec).spec.clusterIP)
    assert.deepEqual(
      [given[0], given[13], given[14], given[29]],
      ['10.96.0.17', '10.96.0.30', '10.96.0.1', '10.96.0.16'],
    )
    assert.throws(() => add(admission, spec), {
      message: 'Internal error occurred: failed to allocate a serviceIP: range is full',
    })
  })

  test('the address that it asks for, once', () => {
    const admission = create()
    assert.equal(
      add(admission, { ...spec, clusterIP: '10.96.0.10' }).spec.clusterIPs?.[0],
      '10.96.0.10',
    )
    assert.throws(
      () => add(admission, { ...spec, clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] }),
      {
        message:
          'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
      },
    )
  })

  for (const clusterIP of ['1.1.1.1', '10.96.0.0', '10.96.0.31', '10.96.0.32']) {
    test(`not ${clusterIP}, which is none of the network's`, () => {
      assert.throws(() => add(create(), { ...spec, clusterIP }), {
        message: `Service "web" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: provided IP is not in the valid range. The range of valid IPs is 10.96.0.0/27`,
      })
    })
  }

  test('no address when it is headless, and both families when nothing selects for it', () => {
    const headless = { ...spec, clusterIP: 'None', clusterIPs: ['None'] }
    assert.deepEqual(add(create(), headless).spec.ipFamilies, ['IPv4'])
    const { selector: _, ...selectorless } = headless
    const { ipFamilies, ipFamilyPolicy } = add(create(), selectorless).spec
    assert.deepEqual([ipFamilies, ipFamilyPolicy], [['IPv4', 'IPv6'], 'RequireDualStack'])
  })

  test('nothing when it is an ExternalName', () => {
    const external = { type: 'ExternalName', externalName: 'db.example' } as const
    assert.deepEqual(add(create(), external).spec, external)
  })

  const families = [
    {
      name: 'RequireDualStack',
      spec: { ...spec, ipFamilyPolicy: 'RequireDualStack' },
      want: 'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    },
    {
      name: 'an IPv6 address',
      spec: { ...spec, clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] },
      want: 'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    },
    {
      name: 'the IPv6 family',
      spec: { ...spec, ipFamilies: ['IPv6'] },
      want: 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
    },
  ] as const
  for (const { name, spec, want } of families) {
    test(`not ${name}, on a cluster of IPv4 only`, () => {
      assert.throws(() => add(create(), spec), { message: `Service "web" is invalid: ${want}` })
    })
  }
})

suite('node ports', () => {
  const nodePort = (...ports: ServicePort[]) => ({ type: 'NodePort', ports }) as const
  const portsOf = ({ spec }: Service) => spec.ports?.map((each) => each.nodePort)

  test('come from the upper band', () =>
    assert.deepEqual(portsOf(add(create(), nodePort(port()))), [30_016]))

  test('are shared by the protocols of one port', () => {
    const dns = [
      port({ port: 53, protocol: 'UDP', name: 'u' }),
      port({ port: 53, name: 't' }),
      port({ port: 54, name: 'x' }),
    ]
    assert.deepEqual(portsOf(add(create(), nodePort(...dns))), [30_016, 30_016, 30_017])
    const [udp, ...others] = dns
    const asked = [udp!, port({ port: 53, name: 't', nodePort: 30_005 }), ...others.slice(1)]
    assert.deepEqual(portsOf(add(create(), nodePort(...asked))), [30_005, 30_005, 30_016])
  })

  const refusals = [
    {
      name: 'one out of range',
      ports: [port({ nodePort: 80 })],
      want: 'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30031',
    },
    {
      name: 'one that is taken',
      ports: [port(), port({ port: 81, nodePort: 30_020 })],
      want: 'spec.ports[1].nodePort: Invalid value: 30020: provided port is already allocated',
    },
  ]
  for (const { name, ports, want } of refusals) {
    test(`${name} is refused, and the rest of the Service is free again`, () => {
      const admission = create()
      add(admission, nodePort(port({ nodePort: 30_020 })))
      assert.throws(() => add(admission, nodePort(...ports)), {
        message: `Service "web" is invalid: ${want}`,
      })
      const next = add(admission, nodePort(port()))
      assert.deepEqual([next.spec.clusterIP, portsOf(next)], ['10.96.0.18', [30_016]])
    })
  }

  test('are all gone at last', () => {
    const admission = create()
    for (let i = 0; i < 16; i++) add(admission, nodePort(port(), port({ port: 81 })), true)
    assert.throws(() => add(admission, nodePort(port())), {
      message: 'Internal error occurred: failed to allocate a nodePort: range is full',
    })
  })

  test('are left alone where a load balancer needs none, but given where one is asked for', () => {
    const spec = {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [port(), port({ port: 81, nodePort: 30_001 })],
    } as const
    assert.deepEqual(portsOf(add(create(), spec)), [undefined, 30_001])
  })

  test('and one for the health check of a load balancer with the Local policy', () => {
    const admission = create()
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [port()] } as const
    assert.equal(add(admission, spec).spec.healthCheckNodePort, 30_017)
    assert.throws(() => add(admission, { ...spec, healthCheckNodePort: 30_017 }), {
      message:
        'Internal error occurred: failed to allocate requested HealthCheck NodePort 30017: provided port is already allocated',
    })
  })
})

suite('what a Service held is free again', () => {
  const asking = {
    type: 'NodePort',
    clusterIP: '10.96.0.5',
    ports: [port({ nodePort: 30_005 })],
  } as const
  const check = (admission: Admission) =>
    assert.equal(add(admission, asking).spec.clusterIP, '10.96.0.5')

  test('after its deletion', () => {
    const admission = create()
    remove(admission, add(admission, asking))
    check(admission)
  })
  test('when it was not stored', () => {
    const admission = create()
    add(admission, asking, false)
    check(admission)
  })
  test('after a dry run', () => {
    const admission = create()
    admission.admit({ ...request, operation: 'CREATE', object: service(asking), dryRun: true })
    check(admission)
  })
  test('after it became an ExternalName', () => {
    const admission = create()
    change(admission, add(admission, asking), { type: 'ExternalName', externalName: 'db.example' })
    check(admission)
  })
  test('its node port after it became a ClusterIP', () => {
    const admission = create()
    const old = add(admission, asking)
    change(admission, old, {
      type: 'ClusterIP',
      clusterIP: '10.96.0.5',
      clusterIPs: ['10.96.0.5'],
      ports: [port()],
    })
    assert.equal(
      add(admission, { ...asking, clusterIP: '10.96.0.6' }).spec.ports?.[0]?.nodePort,
      30_005,
    )
    assert.throws(() => add(admission, { ...asking, ports: [port()] }), /already allocated/)
  })
})

suite('an update', () => {
  const spec = {
    type: 'NodePort',
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
    ports: [port({ nodePort: 30_005 })],
  } as const

  test('keeps what it has, and takes only what is new', () => {
    const admission = create()
    const old = add(admission, spec)
    const { ports } = change(admission, old, {
      ...spec,
      ports: [...spec.ports, port({ port: 81 })],
    }).spec
    assert.deepEqual(
      ports?.map(({ nodePort }) => nodePort),
      [30_005, 30_016],
    )
  })

  test('that is not stored changes nothing', () => {
    const admission = create()
    const old = add(admission, spec)
    change(admission, old, { ...spec, ports: [port({ nodePort: 30_006 })] }, false)
    assert.throws(
      () => add(admission, { ...spec, clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.6'] }),
      /30005: provided port is already allocated/,
    )
    assert.doesNotThrow(() =>
      add(admission, { type: 'NodePort', ports: [port({ nodePort: 30_006 })] }),
    )
  })

  test('cannot free the address of another by naming it', () => {
    const admission = create()
    const other = add(admission, {
      type: 'ClusterIP',
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
    })
    const old = add(admission, spec)
    // Validation refuses the change of address afterwards, so it is not stored.
    change(admission, old, { ...spec, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }, false)
    assert.throws(() => add(admission, other.spec), /already allocated/)
  })
})

test('the stored Services are counted at start', async () => {
  const admission = create()
  const stored = service({
    type: 'NodePort',
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
    ports: [port({ nodePort: 30_005 })],
  })
  await admission.start(async () => [stored])
  assert.throws(() => add(admission, { clusterIP: '10.96.0.5' }), /already allocated/)
  assert.throws(
    () => add(admission, { type: 'NodePort', ports: [port({ nodePort: 30_005 })] }),
    /already allocated/,
  )
})
