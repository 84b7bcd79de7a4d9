import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { formatFieldError } from '../field-error.ts'
import type { ObjectMeta } from '../meta.ts'
import { isDNS1123Subdomain } from './names.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts'

const rules = { namespaced: true, name: isDNS1123Subdomain }
const meta: ObjectMeta = { name: 'web', namespace: 'default', resourceVersion: '1' }
const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }
const keyWords =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

// Expected texts: apimachinery pkg/api/validation/objectmeta.go and pkg/util/validation, v0.36.
const created: readonly { name: string; change: object; want: readonly string[] }[] = [
  { name: 'plain', change: {}, want: [] },
  { name: 'generated name', change: { generateName: 'web-' }, want: [] },
  {
    name: 'no name',
    change: { name: '' },
    want: ['metadata.name: Required value: name or generateName is required'],
  },
  { name: 'no namespace', change: { namespace: '' }, want: ['metadata.namespace: Required value'] },
  {
    name: 'a label key with a space',
    change: { labels: { 'a b': '1' } },
    want: [`metadata.labels: Invalid value: "a b": name part ${keyWords}`],
  },
  {
    name: 'a label key with an empty prefix',
    change: { labels: { '/a': '1' } },
    want: ['metadata.labels: Invalid value: "/a": prefix part must be non-empty'],
  },
  {
    name: 'a label value that is too long',
    change: { labels: { a: 'x'.repeat(64) } },
    want: [`metadata.labels: Invalid value: "${'x'.repeat(64)}": must be no more than 63 bytes`],
  },
  {
    name: 'an annotation key in capitals',
    change: { annotations: { 'Example.COM/A': 'x y' } },
    want: [],
  },
  {
    name: 'annotations of more than 256 KiB',
    change: { annotations: { a: 'x'.repeat(262144) } },
    want: ['metadata.annotations: Too long: may not be more than 262144 bytes'],
  },
  {
    name: 'a finalizer without a domain',
    change: { finalizers: ['mine'] },
    want: [
      'metadata.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
  },
  {
    name: 'an owner without uid',
    change: { ownerReferences: [{ ...owner, uid: '' }] },
    want: ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
  },
  {
    name: 'two controllers',
    change: {
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, name: 'q', controller: true },
      ],
    },
    want: [
      'metadata.ownerReferences: Invalid value: [{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","controller":true},{"apiVersion":"v1","kind":"Pod","name":"q","uid":"u","controller":true}]: Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q',
    ],
  },
]

suite('validateObjectMeta()', () => {
  for (const { name, change, want } of created) {
    test(name, () =>
      assert.deepEqual(
        validateObjectMeta({ ...meta, ...change }, rules).map(formatFieldError),
        want,
      ),
    )
  }
})

const updated: readonly { name: string; change: object; old?: object; want: readonly string[] }[] =
  [
    { name: 'nothing', change: {}, want: [] },
    {
      name: 'no resourceVersion',
      change: { resourceVersion: '' },
      want: ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
    },
    {
      name: 'another uid',
      change: { uid: 'b' },
      old: { uid: 'a' },
      want: ['metadata.uid: Invalid value: "b": field is immutable'],
    },
    {
      name: 'a finalizer while it is deleted',
      change: { finalizers: ['a/b'], deletionTimestamp: '2026-11-21T00:00:00Z' },
      old: { deletionTimestamp: '2026-11-21T00:00:00Z' },
      want: [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a/b"}',
      ],
    },
  ]

suite('validateObjectMetaUpdate()', () => {
  for (const { name, change, old = {}, want } of updated) {
    test(name, () =>
      assert.deepEqual(
        validateObjectMetaUpdate({ ...meta, ...change }, { ...meta, ...old }).map(formatFieldError),
        want,
      ),
    )
  }
})
