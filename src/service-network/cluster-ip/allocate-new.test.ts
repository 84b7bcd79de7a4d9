/** Sources: registry/core/service/storage/alloc.go and ipallocator/cidrallocator.go v1.36, KEP-3070 and KEP-3668 for the bands. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ServicePort } from '#api/core.ts'
import { ipAddresses } from '#api/resources.ts'
import { staticBand } from './band.ts'
import { createTestAdmission, port } from './testing/admit.ts'

suite('the bands are', () => {
  const bands = [
    { name: '256 addresses of a /12', size: 2n ** 20n, of: [16, 256], want: 256n },
    { name: '256 addresses of a /16', size: 65_536n, of: [16, 256], want: 256n },
    { name: '256 addresses of an IPv6 /108', size: 2n ** 20n, of: [16, 256], want: 256n },
    { name: '16 addresses of a /24', size: 256n, of: [16, 256], want: 16n },
    { name: '16 addresses of a /27', size: 32n, of: [16, 256], want: 16n },
    // ipallocator/bitmap_test.go Test_calculateRangeOffset, "small mask IPv4" and its kin
    { name: 'none of a /28', size: 16n, of: [16, 256], want: 0n },
    { name: 'none of a /29', size: 8n, of: [16, 256], want: 0n },
    { name: '86 of 30000-32767', size: 2768n, of: [32, 128], want: 86n }, // KEP-3668: 30000..30085
    { name: '128 of 4096 and more', size: 4096n, of: [32, 128], want: 128n },
    { name: 'none of 16 ports', size: 16n, of: [32, 128], want: 0n },
  ] as const
  for (const { name, size, of, want } of bands) {
    test(name, () => assert.equal(staticBand(size, of[0], of[1]), want))
  }
})

suite('a new Service gets', () => {
  const spec = { type: 'ClusterIP', ports: [port()], selector: { a: 'b' } } as const

  test('an address of the upper band, its family and policy', async () => {
    using admission = await createTestAdmission()
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = await admission.add(spec)
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

  test('its address by an IPAddress object that names it', async () => {
    using admission = await createTestAdmission()
    await admission.add(spec)
    const claim = await admission.stored.get(ipAddresses, { name: '10.96.0.17' })
    // ipallocator.go createIPAddress
    assert.deepEqual(claim?.metadata.labels, {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    })
    const parentRef = { group: '', resource: 'services', namespace: 'default', name: 'web' }
    assert.deepEqual(claim?.spec, { parentRef })
  })

  test('the lower band when the upper is full, then a refusal', async () => {
    using admission = await createTestAdmission()
    const given: (string | undefined)[] = []
    for (let i = 0; i < 30; i++) given.push((await admission.add(spec)).clusterIP)
    assert.deepEqual(
      [given[0], given[13], given[14], given[29]],
      ['10.96.0.17', '10.96.0.30', '10.96.0.1', '10.96.0.16'],
    )
    await assert.rejects(admission.add(spec), {
      message:
        'Internal error occurred: failed to allocate a serviceIP for Service "web": range is full',
    })
  })

  test('the address that it asks for, once', async () => {
    using admission = await createTestAdmission()
    const asking = { ...spec, clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] }
    assert.equal((await admission.add(asking)).clusterIPs?.[0], '10.96.0.10')
    await assert.rejects(admission.add(asking), {
      message:
        'Service "web" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    })
  })

  for (const clusterIP of ['1.1.1.1', '10.96.0.0', '10.96.0.31', '10.96.0.32']) {
    test(`not ${clusterIP}, which is none of the network's`, async () => {
      using admission = await createTestAdmission()
      // ipallocator/interfaces.go ErrMismatchedNetwork, what MetaAllocator answers since 1.33
      await assert.rejects(admission.add({ ...spec, clusterIP, clusterIPs: [clusterIP] }), {
        message: `Service "web" is invalid: spec.clusterIPs: Invalid value: ["${clusterIP}"]: failed to allocate IP ${clusterIP}: the provided network does not match the current range`,
      })
    })
  }

  test('no address when it is headless, and both families when nothing selects for it', async () => {
    using admission = await createTestAdmission()
    const headless = { ...spec, clusterIP: 'None', clusterIPs: ['None'] }
    assert.deepEqual((await admission.add(headless)).ipFamilies, ['IPv4'])
    const { selector: _, ...selectorless } = headless
    const { ipFamilies, ipFamilyPolicy } = await admission.add(selectorless)
    assert.deepEqual([ipFamilies, ipFamilyPolicy], [['IPv4', 'IPv6'], 'RequireDualStack'])
  })

  test('nothing when it is an ExternalName', async () => {
    using admission = await createTestAdmission()
    const external = { type: 'ExternalName', externalName: 'db.example' } as const
    assert.deepEqual(await admission.add(external), external)
  })

  test('in a dry run what nobody can hold, and holds nothing afterwards', async () => {
    using admission = await createTestAdmission()
    const wanted = { type: 'NodePort', ports: [port(), port({ port: 81 })] } as const
    const dry = await admission.add(wanted, { dryRun: true })
    // ipallocator.go allocateNextService: the network's address; portallocator/operation.go AllocateNext: from 32769 on
    assert.equal(dry.clusterIP, '10.96.0.0')
    assert.deepEqual(
      dry.ports?.map(({ nodePort }) => nodePort),
      [32_769, 32_770],
    )
    assert.deepEqual(await admission.stored.list(ipAddresses), [])
  })
})

suite('node ports', () => {
  const nodePort = (...ports: ServicePort[]) => ({ type: 'NodePort', ports }) as const
  const portsOf = (spec: { readonly ports?: readonly ServicePort[] }) =>
    spec.ports?.map((each) => each.nodePort)

  test('come from the upper band', async () => {
    using admission = await createTestAdmission()
    assert.deepEqual(portsOf(await admission.add(nodePort(port()))), [30_016])
  })

  test('are shared by the protocols of one port', async () => {
    using admission = await createTestAdmission()
    const dns = [
      port({ port: 53, protocol: 'UDP', name: 'u' }),
      port({ port: 53, name: 't' }),
      port({ port: 54, name: 'x' }),
    ]
    assert.deepEqual(portsOf(await admission.add(nodePort(...dns))), [30_016, 30_016, 30_017])
    const [udp, ...others] = dns
    const asked = [udp!, port({ port: 53, name: 't', nodePort: 30_005 }), ...others.slice(1)]
    assert.deepEqual(portsOf(await admission.add(nodePort(...asked))), [30_005, 30_005, 30_018])
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
    {
      name: 'one that another of its own ports has',
      ports: [port({ nodePort: 30_001 }), port({ port: 81, nodePort: 30_001 })],
      want: 'spec.ports[1].nodePort: Invalid value: 30001: provided port is already allocated',
    },
  ]
  for (const { name, ports, want } of refusals) {
    test(`${name} is refused, and the rest of the Service is free again`, async () => {
      using admission = await createTestAdmission()
      await admission.add(nodePort(port({ nodePort: 30_020 })))
      await assert.rejects(admission.add(nodePort(...ports), { name: 'other' }), {
        message: `Service "other" is invalid: ${want}`,
      })
      const next = await admission.add(nodePort(port()))
      assert.deepEqual([next.clusterIP, portsOf(next)], ['10.96.0.18', [30_016]])
    })
  }

  test('are all gone at last', async () => {
    using admission = await createTestAdmission()
    for (let i = 0; i < 16; i++) await admission.add(nodePort(port(), port({ port: 81 })))
    await assert.rejects(admission.add(nodePort(port())), {
      message: 'Internal error occurred: failed to allocate a nodePort: range is full',
    })
  })

  test('are left alone where a load balancer needs none, but given where one is asked for', async () => {
    using admission = await createTestAdmission()
    const spec = {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      ports: [port(), port({ port: 81, nodePort: 30_001 })],
    } as const
    assert.deepEqual(portsOf(await admission.add(spec)), [undefined, 30_001])
  })

  test('and one for the health check of a load balancer with the Local policy', async () => {
    using admission = await createTestAdmission()
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [port()] } as const
    assert.equal((await admission.add(spec)).healthCheckNodePort, 30_017)
    await assert.rejects(admission.add({ ...spec, healthCheckNodePort: 30_017 }), {
      message:
        'Internal error occurred: failed to allocate requested HealthCheck NodePort 30017: provided port is already allocated',
    })
  })
})
