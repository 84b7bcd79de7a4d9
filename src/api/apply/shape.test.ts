import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JSONValue } from '../json.ts'
import { shapeOf } from './shape.ts'

const ofPod = { shape: 'one' as const, of: 'core.v1.Pod' }
const container = (name: string, more = {}) => ({ spec: { containers: [{ name, ...more }] } })

/** Whether the two hold the same fields: structured-merge-diff typed/tofieldset.go tells which. */
const pairs: readonly { name: string; a: JSONValue; b: JSONValue; isSame: boolean }[] = [
  {
    name: 'other values of the same fields',
    a: { metadata: { uid: 'a', labels: { app: 'web' } }, spec: { nodeName: 'x' } },
    b: { metadata: { uid: 'b', labels: { app: 'dns' } }, spec: { nodeName: 'y' } },
    isSame: true,
  },
  {
    name: 'another key of a map',
    a: { metadata: { labels: { app: '' } } },
    b: { metadata: { labels: { tier: '' } } },
    isSame: false,
  },
  {
    name: 'a key of a map that looks like several',
    a: { metadata: { labels: { a: '', b: '' } } },
    b: { metadata: { labels: { 'a",b': '' } } },
    isSame: false,
  },
  { name: 'another key of a list item', a: container('a'), b: container('b'), isSame: false },
  {
    name: 'another field of a list item',
    a: container('a', { image: 'i' }),
    b: container('a', { stdin: true }),
    isSame: false,
  },
  {
    name: 'another item of a list that is a whole',
    a: container('a', { args: ['x'] }),
    b: container('a', { args: ['y', 'z'] }),
    isSame: true,
  },
  {
    name: 'another item of a set',
    a: { metadata: { finalizers: ['x/a'] } },
    b: { metadata: { finalizers: ['x/b'] } },
    isSame: false,
  },
  { name: 'a struct with nothing in it', a: { spec: {} }, b: { spec: null }, isSame: false },
  {
    name: 'a struct that ends earlier',
    a: { spec: { affinity: {}, hostname: '' } },
    b: { spec: { affinity: { nodeAffinity: {} } } },
    isSame: false,
  },
]

suite('shapeOf()', () => {
  for (const { name, a, b, isSame } of pairs)
    test(name, () => assert.equal(shapeOf(a, ofPod) === shapeOf(b, ofPod), isSame))
})
