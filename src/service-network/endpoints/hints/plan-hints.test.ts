import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { planHints } from './plan-hints.ts'

interface Row {
  readonly zone?: string
  readonly node?: string
  readonly ready?: boolean
  readonly hints?: Endpoint['hints']
}

let addresses = 0
function slice(name: string, rows: readonly Row[]): EndpointSlice {
  return {
    metadata: { name },
    addressType: 'IPv4',
    ports: [],
    endpoints: rows.map(({ zone, node, ready = true, hints }) => ({
      addresses: [`10.244.1.${(addresses++ % 250) + 1}`],
      conditions: { ready },
      ...(zone !== undefined && { zone }),
      ...(node !== undefined && { nodeName: node }),
      ...(hints && { hints }),
    })),
  }
}

const zones = (...names: readonly string[]) => names.map((zone) => ({ zone }))
const forZone = (name: string) => ({ forZones: [{ name }] })
const auto = { annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } }
const service = (
  trafficDistribution?: string,
  metadata: Partial<Service['metadata']> = {},
): Service => ({
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec: { ...(trafficDistribution !== undefined && { trafficDistribution }) },
})

interface Input {
  readonly service: Service
  readonly create?: readonly EndpointSlice[]
  readonly update?: readonly EndpointSlice[]
  readonly unchanged?: readonly EndpointSlice[]
  readonly shares?: Readonly<Record<string, number>>
  readonly had?: boolean
}

const run = ({ service, create = [], update = [], unchanged = [], shares, had = false }: Input) =>
  planHints({
    service,
    plan: { create, update, remove: [] },
    held: [...update, ...unchanged],
    addressType: 'IPv4',
    shares: shares && new Map(Object.entries(shares)),
    hadZoneHints: had,
  })

const hintsOf = ({ endpoints }: EndpointSlice) => (endpoints ?? []).map(({ hints }) => hints)
const zonesOf = (slice: EndpointSlice) =>
  hintsOf(slice).map((hints) => hints?.forZones?.map(({ name }) => name).join() ?? '-')

suite('planHints() for trafficDistribution', () => {
  const placed: readonly Row[] = [
    { zone: 'a', node: 'n1' },
    { zone: 'b', node: 'n2' },
    { zone: 'b', node: 'n2', ready: false },
  ]

  // Source of all rows: kubernetes/endpointslice trafficdist_test.go (by its names), KEP-3015.
  for (const value of ['PreferClose', 'PreferSameZone'])
    test(`${value}: a ready endpoint serves its own zone`, () =>
      assert.deepEqual(
        zonesOf(run({ service: service(value), create: [slice('s', placed)] }).create[0]!),
        ['a', 'b', '-'],
      ))

  test('PreferSameNode: its own node, and its zone', () =>
    assert.deepEqual(
      hintsOf(run({ service: service('PreferSameNode'), create: [slice('s', placed)] }).create[0]!),
      [
        { forZones: [{ name: 'a' }], forNodes: [{ name: 'n1' }] },
        { forZones: [{ name: 'b' }], forNodes: [{ name: 'n2' }] },
        undefined,
      ],
    ))

  test('PreferSameNode without zones: only its node', () =>
    assert.deepEqual(
      hintsOf(
        run({ service: service('PreferSameNode'), create: [slice('s', [{ node: 'n1' }])] })
          .create[0]!,
      ),
      [{ forNodes: [{ name: 'n1' }] }],
    ))

  test('without zones: none, and no write for it', () => {
    const plan = run({ service: service('PreferClose'), unchanged: [slice('s', [{ node: 'n1' }])] })
    assert.deepEqual(plan.update, [])
  })

  test('wrong hints of a slice that would stay are mended', () => {
    const wrong = slice('wrong', [{ zone: 'a', hints: forZone('b') }])
    const right = slice('right', [{ zone: 'a', hints: forZone('a') }])
    const { update } = run({ service: service('PreferClose'), unchanged: [wrong, right] })
    assert.deepEqual(
      update.map((slice) => [slice.metadata.name, ...zonesOf(slice)]),
      [['wrong', 'a']],
    )
  })

  test('an endpoint that is not ready is no reason to write, whatever its hints', () => {
    const stale = slice('s', [{ zone: 'a', ready: false, hints: forZone('b') }])
    assert.deepEqual(run({ service: service('PreferClose'), unchanged: [stale] }).update, [])
  })

  for (const value of [undefined, 'Unknown'])
    test(`${value}: hints go`, () => {
      const hinted = slice('s', [{ zone: 'a', hints: forZone('a') }])
      const { update } = run({ service: service(value), unchanged: [hinted] })
      assert.deepEqual(update.map(zonesOf), [['-']])
    })
})

suite('planHints() for topology-mode Auto', () => {
  // Source of these rows: kubernetes/endpointslice topologycache_test.go, TestAddHints (by its names).
  test('slice to create, no zone ratios', () => {
    const plan = run({ service: service(undefined, auto), create: [slice('s', zones('a'))] })
    assert.deepEqual(plan.create.map(zonesOf), [['-']])
    assert.equal(plan.event?.reason, 'TopologyAwareHintsDisabled')
    assert.equal(plan.hasZoneHints, false)
  })

  test('slice to create with 2 endpoints, zone ratios require 3', () => {
    const plan = run({
      service: service(undefined, auto),
      create: [slice('s', zones('a', 'b'))],
      shares: { a: 0.3, b: 0.4, c: 0.3 },
    })
    assert.deepEqual(plan.create.map(zonesOf), [['-', '-']])
    assert.equal(
      plan.event?.message,
      'Insufficient number of endpoints (2 endpoints, 3 zones), addressType: IPv4',
    )
  })

  test('slice to create with 2 ready, 1 unready endpoints, zone ratios only require 2', () => {
    const create = [slice('s', [...zones('a', 'b'), { zone: 'b', ready: false }])]
    const plan = run({ service: service(undefined, auto), create, shares: { a: 0.45, b: 0.55 } })
    assert.deepEqual(plan.create.map(zonesOf), [['a', 'b', '-']])
    assert.deepEqual(plan.event, {
      type: 'Normal',
      reason: 'TopologyAwareHintsEnabled',
      message: 'Topology Aware Hints has been enabled, addressType: IPv4',
    })
  })

  test('slices to create and update within 3 zone threshold', () => {
    const plan = run({
      service: service(undefined, auto),
      create: [slice('c1', zones('a', 'b')), slice('c2', zones('c', 'c', 'a'))],
      update: [slice('u1', zones('a', 'a')), slice('u2', zones('b', 'c', 'a'))],
      shares: { a: 0.35, b: 0.35, c: 0.3 },
    })
    assert.deepEqual(plan.create.map(zonesOf), [
      ['b', 'b'],
      ['c', 'c', 'a'],
    ])
    assert.deepEqual(plan.update.map(zonesOf), [
      ['a', 'a'],
      ['b', 'c', 'a'],
    ])
  })

  test('an endpoint without zone: no hints at all', () => {
    const create = [slice('s', [...zones('a', 'b', 'a'), {}])]
    const plan = run({ service: service(undefined, auto), create, shares: { a: 0.5, b: 0.5 } })
    assert.deepEqual(plan.create.map(zonesOf), [['-', '-', '-', '-']])
    assert.equal(
      plan.event?.message,
      'One or more endpoints do not have a zone specified, addressType: IPv4',
    )
  })

  test('wins over trafficDistribution, also by its older name', () => {
    const annotations = { 'service.kubernetes.io/topology-aware-hints': 'auto' }
    const plan = run({
      service: service('PreferSameNode', { annotations }),
      create: [
        slice('s', [
          { zone: 'a', node: 'n1' },
          { zone: 'b', node: 'n2' },
        ]),
      ],
      shares: { a: 0.5, b: 0.5 },
    })
    assert.deepEqual(hintsOf(plan.create[0]!), [forZone('a'), forZone('b')])
  })

  test('says nothing again while hints stay, and leaves right slices alone', () => {
    const held = slice('s', [
      { zone: 'a', hints: forZone('a') },
      { zone: 'b', hints: forZone('b') },
    ])
    const shares = { a: 0.5, b: 0.5 }
    const plan = run({ service: service(undefined, auto), unchanged: [held], shares, had: true })
    assert.deepEqual([plan.update, plan.event, plan.hasZoneHints], [[], undefined, true])
  })

  test('says that hints are gone when the annotation is', () => {
    const held = slice('s', [{ zone: 'a', hints: forZone('a') }])
    const plan = run({ service: service(), unchanged: [held], had: true })
    assert.deepEqual(plan.update.map(zonesOf), [['-']])
    assert.equal(plan.event?.message, 'Topology Aware Hints has been disabled, addressType: IPv4')
  })
})
