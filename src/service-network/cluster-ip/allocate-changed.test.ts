/** Sources: registry/core/service/storage/alloc.go and storage_test.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ServiceSpec } from '#api/core.ts'
import { createTestAdmission, port, type TestAdmission } from './testing/admit.ts'

const asking = {
  type: 'NodePort',
  clusterIP: '10.96.0.5',
  clusterIPs: ['10.96.0.5'],
  ports: [port({ nodePort: 30_005 })],
} as const

suite('what a Service held is free again', () => {
  const check = async (admission: TestAdmission) =>
    assert.equal((await admission.add(asking, { name: 'next' })).clusterIP, '10.96.0.5')

  test('after its deletion', async () => {
    using admission = await createTestAdmission()
    await admission.remove(await admission.add(asking))
    await check(admission)
  })
  test('when it was not stored', async () => {
    using admission = await createTestAdmission()
    await admission.add(asking, { stored: false })
    await check(admission)
  })
  test('after it became an ExternalName', async () => {
    using admission = await createTestAdmission()
    const old = await admission.add(asking)
    await admission.change(old, { type: 'ExternalName', externalName: 'db.example' })
    await check(admission)
  })
  test('its node port after it became a ClusterIP', async () => {
    using admission = await createTestAdmission()
    const old = await admission.add(asking)
    const { clusterIP, clusterIPs } = asking
    await admission.change(old, {
      ...old,
      type: 'ClusterIP',
      clusterIP,
      clusterIPs,
      ports: [port()],
    })
    const other = { ...asking, clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.6'] }
    assert.equal((await admission.add(other, { name: 'o' })).ports?.[0]?.nodePort, 30_005)
    await assert.rejects(admission.add({ ...asking, ports: [port()] }, { name: 'x' }), /already/)
  })
})

suite('an update', () => {
  test('keeps what it has, and takes only what is new', async () => {
    using admission = await createTestAdmission()
    const old = await admission.add(asking)
    const { ports } = await admission.change(old, {
      ...old,
      ports: [...(old.ports ?? []), port({ port: 81 })],
    })
    assert.deepEqual(
      ports?.map(({ nodePort }) => nodePort),
      [30_005, 30_016],
    )
  })

  test('that names one node port twice fails as upstream does: with an error without a reason', async () => {
    using admission = await createTestAdmission()
    const old = await admission.add(asking)
    const ports = [...(old.ports ?? []), port({ port: 81, nodePort: 30_005 })]
    // alloc.go updateNodePorts: fmt.Errorf("duplicate nodePort: %v")
    await assert.rejects(admission.change(old, { ...old, ports }), {
      message: 'duplicate nodePort: {TCP 30005}',
    })
  })

  test('that is not stored changes nothing', async () => {
    using admission = await createTestAdmission()
    const old = await admission.add(asking)
    const changed = { ...old, ports: [port({ nodePort: 30_006 })] }
    await admission.change(old, changed, { stored: false })
    const other = { ...asking, clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.6'] }
    await assert.rejects(admission.add(other, { name: 'o' }), /30005: provided port is already/)
    const free = { type: 'NodePort', ports: [port({ nodePort: 30_006 })] } as const
    await assert.doesNotReject(admission.add(free, { name: 'p' }))
  })

  test('cannot free the address of another by naming it', async () => {
    using admission = await createTestAdmission()
    const other = await admission.add(
      { type: 'ClusterIP', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] },
      { name: 'other' },
    )
    const old = await admission.add(asking)
    const stolen = { ...old, clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }
    // Validation refuses the change of address afterwards, so it is not stored.
    await admission.change(old, stolen, { stored: false })
    await admission.remove(stolen)
    await assert.rejects(admission.add(other, { name: 'third' }), /already allocated/)
  })

  test('gives a former ExternalName an address, and a load balancer its health check', async () => {
    using admission = await createTestAdmission()
    const external = { type: 'ExternalName', externalName: 'db.example' } as const
    const { clusterIPs } = await admission.change(external, { type: 'ClusterIP', ports: [port()] })
    assert.deepEqual(clusterIPs, ['10.96.0.17'])
    const balancer = { type: 'LoadBalancer', ports: [port()] } as const
    const old = await admission.add({ ...balancer, externalTrafficPolicy: 'Cluster' })
    const local = await admission.change(old, { ...old, externalTrafficPolicy: 'Local' })
    assert.equal(local.healthCheckNodePort, 30_017)
    await admission.change(local, { ...local, externalTrafficPolicy: 'Cluster' })
    const next = await admission.add(
      { type: 'NodePort', ports: [port({ nodePort: 30_017 })] },
      { name: 'next' },
    )
    assert.equal(next.ports?.[0]?.nodePort, 30_017)
  })
})

suite('on a cluster of both families', () => {
  const spec = { type: 'ClusterIP', ports: [port()], selector: { a: 'b' } } as const
  const v4 = '10.96.0.17'
  // The first address of the dynamic band of a /112: 256 are static.
  const v6 = 'fd00:10:96::101'

  test('an upgrade adds the second address, a downgrade gives it back', async () => {
    using admission = await createTestAdmission({ families: 'v4,v6' })
    const single = await admission.add(spec)
    const dual = await admission.change(single, { ...single, ipFamilyPolicy: 'RequireDualStack' })
    assert.deepEqual(
      [dual.clusterIPs, dual.ipFamilies],
      [
        [v4, v6],
        ['IPv4', 'IPv6'],
      ],
    )
    const back = await admission.change(dual, { ...dual, ipFamilyPolicy: 'SingleStack' })
    assert.deepEqual([back.clusterIPs, back.ipFamilies], [[v4], ['IPv4']])
    const next = { ...spec, ipFamilies: ['IPv6'], clusterIP: v6, clusterIPs: [v6] } as const
    assert.deepEqual((await admission.add(next, { name: 'next' })).clusterIPs, [v6])
  })

  test('an upgrade takes the second address that is asked for', async () => {
    using admission = await createTestAdmission({ families: 'v4,v6' })
    const single = await admission.add(spec)
    const dual: ServiceSpec = {
      ...single,
      ipFamilyPolicy: 'PreferDualStack',
      clusterIPs: [v4, 'fd00:10:96::7'],
    }
    const { clusterIPs, ipFamilies } = await admission.change(single, dual)
    assert.deepEqual(
      [clusterIPs, ipFamilies],
      [
        [v4, 'fd00:10:96::7'],
        ['IPv4', 'IPv6'],
      ],
    )
  })

  test('a reduction without SingleStack is refused', async () => {
    using admission = await createTestAdmission({ families: 'v4,v6' })
    const dual = await admission.add({ ...spec, ipFamilyPolicy: 'RequireDualStack' })
    const reduced: ServiceSpec = { ...dual, clusterIPs: [v4], ipFamilies: ['IPv4'] }
    await assert.rejects(admission.change(dual, reduced), {
      message: `Service "web" is invalid: [spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary cluster IP, spec.ipFamilyPolicy: Invalid value: "RequireDualStack": must be 'SingleStack' to release the secondary IP family]`,
    })
  })

  test('PreferDualStack follows no change of the cluster by itself', async () => {
    using first = await createTestAdmission()
    const prefer = await first.add({ ...spec, ipFamilyPolicy: 'PreferDualStack' })
    assert.deepEqual(prefer.ipFamilies, ['IPv4'])
    using dual = await createTestAdmission({ families: 'v4,v6', stored: first.stored })
    const kept = await dual.change(prefer, { ...prefer, selector: { a: 'c' } })
    assert.deepEqual([kept.clusterIPs, kept.ipFamilies], [[v4], ['IPv4']])
    const upgraded = await dual.change(prefer, { ...prefer, ipFamilyPolicy: 'RequireDualStack' })
    assert.deepEqual(upgraded.clusterIPs, [v4, v6])
  })
})
