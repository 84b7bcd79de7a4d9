/**
 * Every policy on every kind of cluster. Source: registry/core/service/storage/storage_test.go, TestCreateInitIPFields
 * (v1.36): "singlestack:v4_cluster", "dualstack:v4v6" and their kin.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ServiceSpec } from '#api/core.ts'
import { createTestAdmission, type Families, port } from './testing/admit.ts'

const v4 = '10.96.0.17'
const v6 = 'fd00:10:96::101'
const named4 = '10.96.0.3'
const named6 = 'fd00:10:96::3'

type Want = { readonly ips: readonly string[]; readonly families: string } | string
interface Row {
  readonly name: string
  readonly spec: ServiceSpec
  readonly want: Readonly<Record<Families, Want>>
}

const both = (ips: readonly string[], families: string): Want => ({ ips, families })
const single = { v4: both([v4], 'IPv4'), v6: both([v6], 'IPv6') }
const notDual =
  'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'
const noFamily = (index: number, family: string) =>
  `spec.ipFamilies[${index}]: Invalid value: "${family}": not configured on this cluster`
const notConfigured = (index: number, family: string, ips: readonly string[]) =>
  `spec.clusterIPs[${index}]: Invalid value: ${JSON.stringify(ips)}: ${family} is not configured on this cluster`
const needsPolicy = (policy: string, what: string) =>
  `spec.ipFamilyPolicy: Invalid value: ${policy}: must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`

const rows: readonly Row[] = [
  {
    name: 'nothing',
    spec: {},
    want: { ...single, 'v4,v6': both([v4], 'IPv4'), 'v6,v4': both([v6], 'IPv6') },
  },
  {
    name: 'SingleStack',
    spec: { ipFamilyPolicy: 'SingleStack' },
    want: { ...single, 'v4,v6': both([v4], 'IPv4'), 'v6,v4': both([v6], 'IPv6') },
  },
  {
    name: 'PreferDualStack',
    spec: { ipFamilyPolicy: 'PreferDualStack' },
    want: {
      ...single,
      'v4,v6': both([v4, v6], 'IPv4 IPv6'),
      'v6,v4': both([v6, v4], 'IPv6 IPv4'),
    },
  },
  {
    name: 'RequireDualStack',
    spec: { ipFamilyPolicy: 'RequireDualStack' },
    want: {
      v4: notDual,
      v6: notDual,
      'v4,v6': both([v4, v6], 'IPv4 IPv6'),
      'v6,v4': both([v6, v4], 'IPv6 IPv4'),
    },
  },
  {
    name: 'IPv6',
    spec: { ipFamilies: ['IPv6'] },
    want: {
      v4: noFamily(0, 'IPv6'),
      v6: both([v6], 'IPv6'),
      'v4,v6': both([v6], 'IPv6'),
      'v6,v4': both([v6], 'IPv6'),
    },
  },
  {
    name: 'IPv6 first, both preferred',
    spec: { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] },
    want: {
      v4: noFamily(0, 'IPv6'),
      v6: both([v6], 'IPv6'),
      'v4,v6': both([v6, v4], 'IPv6 IPv4'),
      'v6,v4': both([v6, v4], 'IPv6 IPv4'),
    },
  },
  {
    name: 'both families, preferred',
    spec: { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] },
    want: {
      v4: noFamily(1, 'IPv6'),
      v6: noFamily(0, 'IPv4'),
      'v4,v6': both([v4, v6], 'IPv4 IPv6'),
      'v6,v4': both([v4, v6], 'IPv4 IPv6'),
    },
  },
  {
    name: 'an IPv6 address',
    spec: { clusterIP: named6, clusterIPs: [named6] },
    want: {
      v4: notConfigured(0, 'IPv6', [named6]),
      v6: both([named6], 'IPv6'),
      'v4,v6': both([named6], 'IPv6'),
      'v6,v4': both([named6], 'IPv6'),
    },
  },
  {
    name: 'an address of each family, and a policy',
    spec: {
      clusterIP: named4,
      clusterIPs: [named4, named6],
      ipFamilyPolicy: 'RequireDualStack',
    },
    want: {
      v4: notConfigured(1, 'IPv6', [named4, named6]),
      v6: notConfigured(0, 'IPv4', [named4, named6]),
      'v4,v6': both([named4, named6], 'IPv4 IPv6'),
      'v6,v4': both([named4, named6], 'IPv4 IPv6'),
    },
  },
  {
    name: 'the first of two addresses',
    spec: { clusterIP: named4, clusterIPs: [named4], ipFamilyPolicy: 'PreferDualStack' },
    want: {
      v4: both([named4], 'IPv4'),
      v6: notConfigured(0, 'IPv4', [named4]),
      'v4,v6': both([named4, v6], 'IPv4 IPv6'),
      'v6,v4': both([named4, v6], 'IPv4 IPv6'),
    },
  },
]

for (const families of ['v4', 'v6', 'v4,v6', 'v6,v4'] as const) {
  suite(`on a cluster of ${families}, a Service that asks for`, () => {
    for (const { name, spec, want } of rows) {
      test(name, async () => {
        using admission = await createTestAdmission({ families })
        const wanted = want[families]
        const asking: ServiceSpec = { type: 'ClusterIP', ports: [port()], ...spec }
        if (typeof wanted === 'string') {
          const message = `Service "web" is invalid: ${wanted}`
          await assert.rejects(admission.add(asking), { message })
          return
        }
        const { clusterIP, clusterIPs, ipFamilies } = await admission.add(asking)
        assert.deepEqual(
          { clusterIP, clusterIPs, families: ipFamilies?.join(' ') },
          { clusterIP: wanted.ips[0], clusterIPs: wanted.ips, families: wanted.families },
        )
      })
    }
  })
}

suite('without a policy, two', () => {
  const refused = [
    {
      name: 'addresses are refused',
      spec: { clusterIP: named4, clusterIPs: [named4, named6] },
      want: needsPolicy('"SingleStack"', 'cluster IPs'),
    },
    {
      name: 'families are refused',
      spec: { ipFamilies: ['IPv4', 'IPv6'] },
      want: needsPolicy('"SingleStack"', 'IP families'),
    },
  ] as const
  for (const { name, spec, want } of refused) {
    test(name, async () => {
      using admission = await createTestAdmission({ families: 'v4,v6' })
      const message = `Service "web" is invalid: ${want}`
      await assert.rejects(admission.add({ type: 'ClusterIP', ports: [port()], ...spec }), {
        message,
      })
    })
  }
})

suite('a headless Service', () => {
  const headless = { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'] } as const
  const rows = [
    { name: 'with a selector has one family', spec: { selector: { a: 'b' } }, want: 'IPv4' },
    { name: 'without one has both', spec: {}, want: 'IPv4 IPv6' },
    { name: 'has what it asks for', spec: { ipFamilyPolicy: 'SingleStack' }, want: 'IPv4' },
    {
      name: 'has the other family first',
      spec: { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6'] },
      want: 'IPv6 IPv4',
    },
  ] as const
  for (const { name, spec, want } of rows) {
    test(`${name}, on a cluster of IPv4 only`, async () => {
      using admission = await createTestAdmission()
      const { ipFamilies } = await admission.add({ ...headless, ...spec })
      assert.equal(ipFamilies?.join(' '), want)
    })
  }
})
