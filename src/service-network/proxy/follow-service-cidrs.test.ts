import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceCIDR } from '#api/networking.ts'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { waitFor } from '#testing/wait-for.ts'
import { followServiceCIDRs } from './follow-service-cidrs.ts'

const rangeOf = (name: string, ...cidrs: readonly string[]): ServiceCIDR => ({
  metadata: { name },
  spec: { cidrs },
})

// kubernetes.io/docs, reference/networking/virtual-ips, "IP address objects": ranges come and go by ServiceCIDR objects.
test('the ranges of ClusterIPs are those of all ServiceCIDR objects of the family', async () => {
  const abort = new AbortController()
  const api = createFakeAPI()
  await api.create(
    resources.serviceCIDRs,
    rangeOf('kubernetes', '10.96.0.0/16', 'fd00:10:96::/112'),
  )
  const informer = createInformer(api, resources.serviceCIDRs, abort.signal)
  const told: string[] = []
  using ranges = followServiceCIDRs(informer, cidr('10.96.0.0/16'), (all) =>
    told.push(all.map(formatCIDR).join(' ')),
  )
  try {
    await informer.synced
    await api.create(resources.serviceCIDRs, rangeOf('more', '10.99.0.0/24'))
    await api.create(resources.serviceCIDRs, rangeOf('within', '10.96.5.0/24', '10.99.0.0/28'))
    await waitFor(() => told.length === 1, { what: 'the second range' })
    await api.delete(resources.serviceCIDRs, { name: 'kubernetes' })
    await waitFor(() => told.length === 2, { what: 'the first one to go' })
    assert.deepEqual(told, ['10.96.0.0/16 10.99.0.0/24', '10.96.5.0/24 10.99.0.0/24'])
    assert.deepEqual(ranges.current().map(formatCIDR).toSorted(), ['10.96.5.0/24', '10.99.0.0/24'])
    await api.delete(resources.serviceCIDRs, { name: 'more' })
    await waitFor(() => told.at(-1) === '10.96.5.0/24 10.99.0.0/28', { what: 'what it covered' })
  } finally {
    abort.abort()
  }
})
