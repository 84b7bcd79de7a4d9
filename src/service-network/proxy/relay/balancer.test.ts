import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { createBalancer, type Target } from './balancer.ts'

const target = (last: number): Target => ({ ip: ip(`10.244.1.${last}`), port: 8080 })
const [a, b, c] = [target(1), target(2), target(3)]

function set(affinitySeconds?: number) {
  const time = { now: 0 }
  const balancer = createBalancer(
    () => time.now,
    (values) => values,
  )
  balancer.update([a, b, c], affinitySeconds)
  const next = (client: string, count = 1, options = {}) =>
    Array.from({ length: count }, () => balancer.next(client, options))
  return { balancer, next, time }
}

// k/k pkg/proxy/userspace/roundrobin.go (1.25), and facts/services.md 2.4.
suite('the balancer', () => {
  test('gives each endpoint its turn', () => {
    assert.deepEqual(set().next('x', 4), [a, b, c, a])
  })
  test('has nothing to give without endpoints', () => {
    const { balancer, next } = set()
    balancer.update([])
    assert.deepEqual(next('x'), [undefined])
  })
  test('shuffles when the endpoints change, and only then', () => {
    const orders: (readonly unknown[])[] = []
    const balancer = createBalancer(undefined, (values) => {
      orders.push(values)
      return values
    })
    balancer.update([a, b])
    balancer.update([b, a])
    balancer.update([a, c])
    assert.equal(orders.length, 2)
  })
  test('brings a client back to its endpoint until its time is over, counted from its last connection', () => {
    const { next, time } = set(10)
    assert.deepEqual(next('x', 2), [a, a])
    assert.deepEqual(next('y'), [b])
    time.now = 9_999
    assert.deepEqual(next('x'), [a])
    time.now = 19_998
    assert.deepEqual(next('x'), [a])
    time.now = 29_998
    assert.deepEqual(next('x', 2), [c, c])
  })
  test('gives a client another endpoint when its own failed, for good', () => {
    const { next } = set(10)
    assert.deepEqual(next('x'), [a])
    assert.deepEqual(next('x', 1, { failed: true }), [b])
    assert.deepEqual(next('x'), [b])
  })
  test('forgets affinity to an endpoint that is gone; others keep theirs', () => {
    const { balancer, next } = set(10)
    assert.deepEqual([...next('x'), ...next('y')], [a, b])
    balancer.update([b, c], 10)
    assert.deepEqual(next('y'), [b])
    assert.notDeepEqual(next('x'), [a])
  })
  test('holds no more clients than it has room for', () => {
    const { balancer, next } = set(10)
    assert.deepEqual(next('first'), [a])
    for (let i = 0; i < 65_535; i++) balancer.next(`client ${i}`)
    // 65,536 turns after the first one: it would still be a's, had it been remembered.
    assert.notDeepEqual(next('first'), [a])
  })
})
