import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { silentLog } from '#log/log.ts'
import { node1v4, peerLease } from '../testing/own-node.ts'
import { type CloudRoute, createCloud, planCloud } from './cloud.ts'

// What a node that is gone leaves in the table, as the other nodes' daemons meet it: asked every second, woken by leases.
const OWN = '10.244.1.0/24 172.30.0.11'
const OTHER = '10.244.2.0/24 172.30.0.12'
const lease = peerLease(2, { backendType: 'cloud', subnets: { 4: cidr('10.244.2.0/24') } })

test('cloud: the route of a lease that lived only between two passes goes at the next one', async () => {
  await using lab = await openLab()
  lab.carrier.hear?.([lease])
  lab.putOther()
  lab.carrier.hear?.([])
  await lab.commit([])
  assert.deepEqual(lab.routes(), [OWN])
})

test('cloud: of a lease that comes while the table is asked the route goes, too', async () => {
  await using lab = await openLab()
  lab.whenListed(() => {
    lab.carrier.hear?.([lease])
    lab.putOther()
  })
  await lab.commit([peerLease(3, { backendType: 'cloud' })])
  await lab.commit([])
  assert.deepEqual(lab.routes(), [OWN])
})

test('cloud: where the table did not answer, what was heard is heard still', async () => {
  await using lab = await openLab()
  lab.putOther()
  lab.carrier.hear?.([lease])
  lab.whenListed(() => {
    throw new Error('503')
  })
  await assert.rejects(async () => await lab.commit([]), /503/)
  assert.deepEqual(lab.routes(), [OWN, OTHER])
  await lab.commit([])
  assert.deepEqual(lab.routes(), [OWN])
})

test('cloud: the table is not asked where a lease that is known was told of again', async () => {
  await using lab = await openLab()
  await lab.commit([lease])
  lab.whenListed(() => assert.fail('the table was asked'))
  lab.carrier.hear?.([lease])
  await lab.commit([lease])
})

test('cloud: the route of a lease that nobody heard of goes at the second look', async (t) => {
  let now = performance.now()
  t.mock.method(performance, 'now', () => now)
  await using lab = await openLab()
  lab.putOther()
  now += 60_000
  assert.equal(await lab.carrier.isRight?.(), true)
  await lab.commit([])
  assert.deepEqual(lab.routes(), [OWN, OTHER])
  now += 60_000
  assert.equal(await lab.carrier.isRight?.(), false)
  await lab.commit([])
  assert.deepEqual(lab.routes(), [OWN])
})

/** A node that has made its first pass, and knows no other. */
async function openLab() {
  const held = new Map<string, CloudRoute>()
  const keyOf = ({ destination, nextHop }: CloudRoute) => `${formatCIDR(destination)} ${nextHop}`
  let whenListed: (() => void) | undefined
  const put = (route: CloudRoute) => void held.set(keyOf(route), route)
  const backend = createCloud({
    async list() {
      const routes = [...held.values()]
      const call = whenListed
      whenListed = undefined
      call?.()
      return routes
    },
    put: async (route) => put(route),
    delete: async (route) => void held.delete(keyOf(route)),
  })
  const carrier = await backend.openCarrier!({ log: silentLog })
  const commit = (peers: Parameters<typeof planCloud>[1]) =>
    carrier.commit(planCloud(node1v4, peers))
  await commit([])
  return {
    carrier,
    commit,
    routes: () => [...held.keys()].sort(),
    /** By the other node. */
    putOther: () => put({ destination: lease.subnets[4]!, nextHop: lease.publicIPs[4]! }),
    /** Once, at the next look. */
    whenListed(call: () => void) {
      whenListed = call
    },
    [Symbol.asyncDispose]: () => carrier[Symbol.asyncDispose](),
  }
}
