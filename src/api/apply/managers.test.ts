/**
 * Behaviours as structured-merge-diff's merge/{conflict,multiple_appliers,nested,key,default_keys,multiple_updaters}
 * tests describe them, on kinds of our schema.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JSONObject } from '../json.ts'
import { formatFieldsV1, noFields, pathsOf } from './field-set.ts'
import { formatManagedFields, parseManagedFields } from './managed-fields.ts'
import { applyConfig, type Manager, type Ownerships, recordUpdate } from './managers.ts'

interface State {
  readonly live: JSONObject
  readonly owners: Ownerships
}

const nothing: State = { live: {}, owners: [] }

/** Plays writes of a ConfigMap, Service or Deployment, each by a manager. */
function writerOf(of: string) {
  const writeOf = ({ live, owners }: State, name: string, operation: Manager['operation']) => ({
    type: { shape: 'one' as const, of },
    live,
    owners,
    manager: { name, operation, apiVersion: 'v1' },
    reset: noFields,
    now: '2026-11-21T00:00:00Z',
  })
  return {
    apply(state: State, name: string, config: JSONObject, force = false): State {
      const applied = applyConfig(writeOf(state, name, 'Apply'), config, force)
      if (applied.kind === 'conflict') {
        throw new Error(
          applied.conflicts.map(({ manager, path }) => `${manager.name} ${path}`).join('\n'),
        )
      }
      return { live: applied.object, owners: applied.owners }
    },
    update: (state: State, name: string, live: JSONObject): State => ({
      live,
      owners: recordUpdate(writeOf(state, name, 'Update'), live),
    }),
  }
}

const owned = ({ owners }: State) =>
  Object.fromEntries(owners.map(({ manager, fields }) => [manager.name, pathsOf(fields)]))

suite('apply', () => {
  const { apply, update } = writerOf('core.v1.ConfigMap')
  const one = { data: { a: '1' } }

  test('owns what it says, and no more', () => {
    const state = apply(nothing, 'x', { data: { a: '1', b: '2' } })
    assert.deepEqual(owned(state), { x: ['.data.a', '.data.b'] })
    assert.deepEqual(state.live, { data: { a: '1', b: '2' } })
  })

  test('of what another owns: a conflict by name and path', () => {
    const state = apply(nothing, 'x', one)
    assert.throws(() => apply(state, 'y', { data: { a: '2' } }), { message: 'x .data.a' })
  })

  test('by force takes it over', () => {
    const state = apply(
      apply(nothing, 'x', { data: { a: '1', b: '2' } }),
      'y',
      { data: { a: '2' } },
      true,
    )
    assert.deepEqual(state.live, { data: { a: '2', b: '2' } })
    assert.deepEqual(owned(state), { x: ['.data.b'], y: ['.data.a'] })
  })

  test('of the same value shares it', () => {
    const state = apply(apply(nothing, 'x', one), 'y', one)
    assert.deepEqual(owned(state), { x: ['.data.a'], y: ['.data.a'] })
  })

  test('drops what it said before and does not any more', () => {
    const state = apply(apply(nothing, 'x', { data: { a: '1', b: '2' } }), 'x', one)
    assert.deepEqual([state.live, owned(state)], [one, { x: ['.data.a'] }])
  })

  test('leaves what another says too, and what nobody applied', () => {
    const both = apply(apply(nothing, 'x', { data: { a: '1', b: '2' } }), 'y', { data: { b: '2' } })
    const more = update(both, 'z', { data: { a: '1', b: '2', c: '3' } })
    const state = apply(more, 'x', one)
    assert.deepEqual(state.live, { data: { a: '1', b: '2', c: '3' } })
  })

  test('drops a map with its last key', () => {
    const state = apply(apply(nothing, 'x', { data: { a: '1' }, immutable: true }), 'x', {
      immutable: true,
    })
    assert.deepEqual(state.live, { immutable: true })
  })

  test('of nothing new changes neither owners nor their times', () => {
    const state = apply(nothing, 'x', one)
    const later = { ...state, owners: state.owners.map((owner) => ({ ...owner, time: 'old' })) }
    assert.deepEqual(apply(later, 'x', one).owners, later.owners)
  })
})

suite('an update', () => {
  const { apply, update } = writerOf('core.v1.ConfigMap')

  test('takes what it changes, and never conflicts', () => {
    const state = update(apply(nothing, 'x', { data: { a: '1', b: '2' } }), 'y', {
      data: { a: '9', b: '2' },
    })
    assert.deepEqual(owned(state), { x: ['.data.b'], y: ['.data.a'] })
  })

  test('takes away what it removes', () => {
    const state = update(apply(nothing, 'x', { data: { a: '1', b: '2' } }), 'y', {
      data: { a: '1' },
    })
    assert.deepEqual(owned(state), { x: ['.data.a'] })
  })

  test('then an apply of another value conflicts with it', () => {
    const state = update(nothing, 'y', { data: { a: '1' } })
    assert.throws(() => apply(state, 'x', { data: { a: '2' } }), { message: 'y .data.a' })
  })

  // apimachinery util/managedfields/internal/capmanagers_test.go
  test('of the eleventh name makes the oldest two one', () => {
    let state = nothing
    const data: Record<string, string> = {}
    for (let at = 0; at < 12; at++) {
      data[`k${at}`] = ''
      state = update(state, `name-${String(at).padStart(2, '0')}`, { data: { ...data } })
    }
    const names = state.owners.map(({ manager }) => manager.name)
    assert.deepEqual([names.length, names.includes('ancient-changes')], [10, true])
    const all = Object.values(owned(state)).flat()
    assert.equal(all.length, 13) // twelve keys and the map
  })

  test('that adds a map owns the map too', () =>
    assert.deepEqual(owned(update(nothing, 'y', { data: { a: '1' } })), {
      y: ['.data', '.data.a'],
    }))
})

suite('lists', () => {
  const { apply } = writerOf('core.v1.Service')
  const dns = { port: 53, name: 'dns' }
  const tcp = { port: 53, protocol: 'TCP', name: 'dns-tcp' }
  const udp = { port: 53, protocol: 'UDP', name: 'dns-udp' }
  const ports = (...list: JSONObject[]) => ({ spec: { ports: list } })

  test('that are maps merge by all their keys', () => {
    const state = apply(apply(nothing, 'x', ports(tcp)), 'y', ports(udp))
    assert.deepEqual(state.live, ports(tcp, udp))
    assert.deepEqual(owned(state).y, [
      '.spec.ports[port=53,protocol="UDP"]',
      '.spec.ports[port=53,protocol="UDP"].name',
      '.spec.ports[port=53,protocol="UDP"].port',
      '.spec.ports[port=53,protocol="UDP"].protocol',
    ])
  })

  test('know the default of a key that is not there', () =>
    assert.throws(() => apply(apply(nothing, 'x', ports(tcp)), 'y', ports(dns)), {
      message: 'x .spec.ports[port=53,protocol="TCP"].name',
    }))

  test('lose an item that its only applier left out', () => {
    const state = apply(apply(nothing, 'x', ports(tcp, udp)), 'x', ports(udp))
    assert.deepEqual(state.live, ports(udp))
  })

  test('keep an item that another owns a part of', () => {
    const both = apply(apply(nothing, 'x', ports(tcp)), 'y', ports({ port: 53, protocol: 'TCP' }))
    const state = apply(both, 'x', { spec: { type: 'ClusterIP' } })
    assert.deepEqual(state.live, {
      spec: { type: 'ClusterIP', ports: [{ port: 53, protocol: 'TCP' }] },
    })
  })

  test('that are sets merge by value', () => {
    const metadata = (...finalizers: string[]) => ({ metadata: { finalizers } })
    const state = apply(apply(nothing, 'x', metadata('a', 'b')), 'y', metadata('b', 'c'))
    assert.deepEqual(state.live, metadata('a', 'b', 'c'))
    assert.deepEqual(owned(state).y, ['.metadata.finalizers[="b"]', '.metadata.finalizers[="c"]'])
  })

  test('that are neither are wholes', () => {
    const ranges = (...loadBalancerSourceRanges: string[]) => ({
      spec: { loadBalancerSourceRanges },
    })
    assert.throws(() => apply(apply(nothing, 'x', ranges('a')), 'y', ranges('b')), {
      message: 'x .spec.loadBalancerSourceRanges',
    })
  })

  test('and a selector is one, too', () => {
    const state = apply(nothing, 'x', { spec: { selector: { app: 'web' } } })
    assert.deepEqual(owned(state), { x: ['.spec.selector'] })
  })
})

// The layout: structured-merge-diff fieldpath/serialize_test.go; the entry: kubernetes.io/docs/reference/using-api/server-side-apply/.
test('managedFields round trip', () => {
  const fieldsV1 = {
    'f:metadata': { 'f:finalizers': { 'v:"a"': {} } },
    'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } },
  }
  const entry = {
    manager: 'x',
    operation: 'Apply',
    apiVersion: 'v1',
    time: '2026-11-21T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
  }
  const owners = parseManagedFields([entry])
  // internal/fieldmanager.go, emptyManagedFieldsOnErr: one that is none spoils all.
  assert.deepEqual(parseManagedFields([entry, 'odd']), [])
  assert.deepEqual(formatManagedFields(owners), [entry])
  assert.deepEqual(formatFieldsV1(owners[0]!.fields), fieldsV1)
  const [odd] = parseManagedFields([{ ...entry, fieldsV1: { 'k:{': {}, 'x:y': {}, 'f:a': {} } }])
  assert.deepEqual(pathsOf(odd!.fields), ['.a'])
})
