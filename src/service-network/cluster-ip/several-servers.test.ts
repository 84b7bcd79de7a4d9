/** Several API servers over one store: none gives what another gave. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ServiceCIDR } from '#api/networking.ts'
import { ipAddresses, serviceCIDRs } from '#api/resources.ts'
import { nodePortClaims } from './claims.ts'
import { createTestAdmission, port } from './testing/admit.ts'

const spec = { type: 'NodePort', ports: [port()] } as const

suite('three servers over one store', () => {
  test('give thirty Services at once thirty addresses and thirty node ports', async () => {
    using first = await createTestAdmission()
    const { stored } = first
    using second = await createTestAdmission({ stored })
    using third = await createTestAdmission({ stored })
    const servers = [first, second, third]
    // All start at the same value, so they race for each.
    const given = await Promise.all(
      Array.from({ length: 30 }, (_, i) => servers[i % 3]!.add(spec, { name: `web${i}` })),
    )
    assert.equal(new Set(given.map(({ clusterIP }) => clusterIP)).size, 30)
    assert.equal(new Set(given.map(({ ports }) => ports?.[0]?.nodePort)).size, 30)
    assert.equal((await stored.list(ipAddresses)).length, 30)
    assert.equal((await stored.list(nodePortClaims)).length, 30)
  })

  test('let one of three have the address that all ask for', async () => {
    using first = await createTestAdmission()
    const { stored } = first
    using second = await createTestAdmission({ stored })
    using third = await createTestAdmission({ stored })
    const asking = { type: 'ClusterIP', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] } as const
    const results = await Promise.allSettled(
      [first, second, third].map((server, i) => server.add(asking, { name: `web${i}` })),
    )
    const refused = results.filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 2)
    for (const { reason } of refused as PromiseRejectedResult[])
      assert.match(reason.message, /provided IP is already allocated$/)
  })

  test('find out what another gave back', async () => {
    using first = await createTestAdmission()
    using second = await createTestAdmission({ stored: first.stored })
    const old = await first.add(spec)
    await second.remove(old)
    const { clusterIP } = await second.add(spec, { name: 'next' })
    assert.equal(clusterIP, old.clusterIP)
  })
})

suite('the ranges', () => {
  const extra = (more: Partial<ServiceCIDR> = {}): ServiceCIDR => ({
    metadata: { name: 'extra' },
    spec: { cidrs: ['10.97.0.0/28'] },
    ...more,
  })
  const asking = { type: 'ClusterIP', clusterIP: '10.97.0.5', clusterIPs: ['10.97.0.5'] } as const

  test('begin with a ServiceCIDR of the flags, ready', async () => {
    using admission = await createTestAdmission({ families: 'v4,v6' })
    const [held] = await admission.stored.list(serviceCIDRs)
    assert.deepEqual(
      [held?.metadata.name, held?.spec?.cidrs],
      ['kubernetes', ['10.96.0.0/27', 'fd00:10:96::/112']],
    )
    const [{ lastTransitionTime: _, ...condition } = {}] = held?.status?.conditions ?? []
    // default_servicecidr_controller.go syncStatus
    assert.deepEqual(condition, {
      type: 'Ready',
      status: 'True',
      reason: '',
      message: 'Kubernetes default Service CIDR is ready',
    })
  })

  test('grow by a ServiceCIDR, and new addresses come from it when the first is full', async () => {
    using admission = await createTestAdmission()
    await assert.rejects(admission.add(asking), /does not match the current range$/)
    await admission.stored.create(serviceCIDRs, extra())
    assert.equal((await admission.add(asking)).clusterIP, '10.97.0.5')
    const given: (string | undefined)[] = []
    for (let i = 0; i < 31; i++) given.push((await admission.add(spec)).clusterIP)
    assert.equal(given.at(-1), '10.97.0.1')
  })

  const closed: readonly { readonly name: string; readonly object: ServiceCIDR }[] = [
    {
      name: 'being deleted',
      object: extra({ metadata: { name: 'extra', deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    },
    {
      name: 'not ready',
      object: extra({ status: { conditions: [{ type: 'Ready', status: 'False' }] } }),
    },
  ]
  for (const { name, object } of closed) {
    test(`give nothing of one that is ${name}`, async () => {
      using admission = await createTestAdmission()
      await admission.stored.create(serviceCIDRs, object)
      await assert.rejects(admission.add(asking), /does not match the current range$/)
    })
  }

  test('become dual-stack with the flags', async () => {
    using single = await createTestAdmission()
    using _dual = await createTestAdmission({ families: 'v4,v6', stored: single.stored })
    const [held] = await single.stored.list(serviceCIDRs)
    assert.deepEqual(held?.spec?.cidrs, ['10.96.0.0/27', 'fd00:10:96::/112'])
  })
})
