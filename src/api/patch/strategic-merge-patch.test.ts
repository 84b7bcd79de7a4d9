import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONObject } from '../json.ts'
import { deployments, services } from '../resources.ts'
import { StatusError } from '../status.ts'
import { applyStrategicMergePatch } from './strategic-merge-patch.ts'

const a = { name: 'a', image: 'x:1', env: [{ name: 'A', value: '1' }] }
const b = { name: 'b', image: 'y:1' }
const c = { name: 'c', image: 'z:1' }
const inPod = (spec: object) => ({ spec: { template: { spec } } })

// Rules: kubernetes.io "Update API objects in place using kubectl patch"; apimachinery strategicpatch/patch.go;
// order: design-proposals-archive cli/preserve-order-in-strategic-merge-patch.md.
const cases = [
  {
    name: 'a list merges by its key; new items follow',
    doc: inPod({ containers: [a, b] }),
    patch: inPod({ containers: [{ name: 'b', image: 'y:2' }, c] }),
    want: inPod({ containers: [a, { name: 'b', image: 'y:2' }, c] }),
  },
  {
    name: 'lists within items merge too',
    doc: inPod({ containers: [a] }),
    patch: inPod({ containers: [{ name: 'a', env: [{ name: 'B', value: '2' }] }] }),
    want: inPod({
      containers: [
        {
          ...a,
          env: [
            { name: 'B', value: '2' },
            { name: 'A', value: '1' },
          ],
        },
      ],
    }),
  },
  {
    name: 'a list without a merge strategy is replaced',
    doc: inPod({ tolerations: [{ key: 'a' }] }),
    patch: inPod({ tolerations: [{ key: 'b' }] }),
    want: inPod({ tolerations: [{ key: 'b' }] }),
  },
  {
    name: '$patch: delete takes an item out',
    doc: inPod({ containers: [a, b] }),
    patch: inPod({ containers: [{ $patch: 'delete', name: 'a' }] }),
    want: inPod({ containers: [b] }),
  },
  {
    name: '$patch: replace in a list replaces it',
    doc: inPod({ containers: [a, b] }),
    patch: inPod({ containers: [c, { $patch: 'replace' }] }),
    want: inPod({ containers: [c] }),
  },
  {
    name: '$patch: replace in a map replaces it',
    doc: { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
    patch: { spec: { strategy: { $patch: 'replace', type: 'Recreate' } } },
    want: { spec: { strategy: { type: 'Recreate' } } },
  },
  {
    name: '$patch: delete in a map empties it',
    doc: { metadata: { labels: { a: '1' } } },
    patch: { metadata: { labels: { $patch: 'delete' } } },
    want: { metadata: { labels: {} } },
  },
  {
    name: '$retainKeys drops the old member of a union',
    doc: inPod({ volumes: [{ name: 'v', emptyDir: {} }] }),
    patch: inPod({
      volumes: [{ $retainKeys: ['name', 'configMap'], name: 'v', configMap: { name: 'c' } }],
    }),
    want: inPod({ volumes: [{ name: 'v', configMap: { name: 'c' } }] }),
  },
  {
    name: '$setElementOrder orders, without a change of items',
    doc: inPod({ containers: [a, b] }),
    patch: inPod({ '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] }),
    want: inPod({ containers: [b, a] }),
  },
  {
    // The design document's example: server-only items keep their place relative to what both know.
    name: '$setElementOrder keeps what only the server has',
    doc: inPod({ containers: [a, { name: 's' }, b] }),
    patch: inPod({
      '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
      containers: [c],
    }),
    want: inPod({ containers: [a, { name: 's' }, b, c] }),
  },
  {
    name: '$deleteFromPrimitiveList',
    doc: { metadata: { finalizers: ['x/a', 'x/b', 'x/c'] } },
    patch: { metadata: { '$deleteFromPrimitiveList/finalizers': ['x/b'] } },
    want: { metadata: { finalizers: ['x/a', 'x/c'] } },
  },
  {
    name: 'a list of scalars with strategy merge is a set',
    doc: { metadata: { finalizers: ['x/a'] } },
    patch: { metadata: { finalizers: ['x/b', 'x/a'] } },
    want: { metadata: { finalizers: ['x/b', 'x/a'] } },
  },
  {
    name: 'null removes, and is not kept in what is new',
    doc: { metadata: { labels: { a: '1', b: '2' } } },
    patch: { metadata: { labels: { a: null }, annotations: { x: null, y: '1' } } },
    want: { metadata: { labels: { b: '2' }, annotations: { y: '1' } } },
  },
  {
    name: 'directives do not get into what is new',
    doc: {},
    patch: inPod({
      '$setElementOrder/containers': [{ name: 'c' }],
      containers: [c, { $patch: 'delete', name: 'b' }],
    }),
    want: inPod({ containers: [c] }),
  },
]

suite('applyStrategicMergePatch()', () => {
  for (const { name, doc, patch, want } of cases) {
    test(name, () => {
      const before = structuredClone({ doc, patch })
      assert.deepEqual(applyStrategicMergePatch(doc as never, patch as never, deployments), want)
      assert.deepEqual({ doc, patch }, before)
    })
  }

  // facts/control-plane.md 2: merge keys that are not the map keys.
  test('Service ports merge by port alone', () => {
    const doc = { spec: { ports: [{ port: 53, protocol: 'TCP', name: 'dns-tcp' }] } }
    const patch = { spec: { ports: [{ port: 53, protocol: 'UDP' }] } }
    assert.deepEqual(applyStrategicMergePatch(doc, patch, services), {
      spec: { ports: [{ port: 53, protocol: 'UDP', name: 'dns-tcp' }] },
    })
  })

  // apimachinery pkg/util/mergepatch/errors.go; %v prints maps with sorted keys.
  const malformed = [
    {
      name: 'an unknown directive',
      patch: { spec: { $patch: 'shuffle' } },
      want: /unknown patch type: shuffle in map: map\[\$patch:shuffle\]/,
    },
    {
      name: 'an item without its key',
      patch: inPod({ containers: [{ ports: [], image: 'x' }] }),
      want: /map: map\[image:x ports:\[\]\] does not contain declared merge key: name/,
    },
    {
      name: 'retainKeys that forgets a key',
      patch: { spec: { $retainKeys: ['a'], b: 1 } },
      want: /invalid patch format of retainKeys/,
    },
    {
      name: 'an order that forgets an item',
      patch: inPod({ '$setElementOrder/containers': [{ name: 'a' }], containers: [c] }),
      want: /./,
    },
  ]
  for (const { name, patch, want } of malformed) {
    test(`refuses ${name}`, () =>
      assert.throws(
        () =>
          applyStrategicMergePatch(
            inPod({ containers: [a] }) as never,
            patch as never,
            deployments,
          ),
        (error) => error instanceof StatusError && want.test(error.message),
      ))
  }

  test('answers any patch with a document or a Status', () => {
    const keys = fc.constantFrom(
      'spec',
      'template',
      'containers',
      'name',
      '$patch',
      '$retainKeys',
      '$setElementOrder/containers',
      '$deleteFromPrimitiveList/finalizers',
      'metadata',
      'finalizers',
      '__proto__',
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, 'a', 1, 'delete', 'replace'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
      ),
    }))
    const object = fc.dictionary(keys, value) as fc.Arbitrary<JSONObject>
    fc.assert(
      fc.property(object, object, (doc, patch) => {
        try {
          applyStrategicMergePatch(doc, patch, deployments)
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error))
        }
      }),
      { numRuns: 1000 },
    )
  })
})
