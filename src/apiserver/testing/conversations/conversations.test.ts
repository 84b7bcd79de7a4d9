/**
 * What kube-apiserver answers, to the byte of every message. The answers were recorded from kube-apiserver v1.36.0
 * (its Go module k8s.io/kubernetes) by tools/record-conversations.ts.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../test-server.ts'
import { conversations } from './conversations.ts'
import { type Played, play } from './play.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

/** Where this server answers otherwise yet: the step, and why. Such a step must differ, or it goes from the list. */
const KNOWN: Readonly<Record<string, string>> = {
  ...emptyStatus('managed-fields-of-kinds', 1),
  ...emptyStatus('delete-kinds', 2),
  ...emptyStatus('status', 1, 2),
  ...emptyStatus('apply-lists', 7, 8, 10, 11, 15),
  ...emptyStatus('strategic-patches', 32, 33, 34, 35, 36, 37),
  'field-selectors-of-pods 8': 'recorded without the admission of service accounts',
  'apply-lists 19': 'times that Go writes as null are left out',
  'strategic-patches 25': 'times that Go writes as null are left out',
  'strategic-patches 26': 'times that Go writes as null are left out',
  'strategic-patches 27': 'a status that is replaced loses qosClass',
  'strategic-patches 19': 'what changed in a pod is not shown as a diff',
  'applies 41': 'a value of the wrong type is told of in the words of encoding/json',
}

/** Go writes a struct that holds nothing as `{}`. */
function emptyStatus(name: string, ...steps: readonly number[]): Record<string, string> {
  return Object.fromEntries(steps.map((step) => [`${name} ${step}`, 'an empty status is left out']))
}

suite('kube-apiserver answers as recorded', { concurrency: true }, () => {
  for (const [name, conversation] of Object.entries(conversations)) {
    test(name, async () => {
      const file = new URL(`./testdata/${name}.json`, import.meta.url)
      const want = JSON.parse(readFileSync(file, 'utf8')) as Played[]
      const got = await play(name, conversation, server)
      assert.equal(got.length, want.length)
      for (const [index, answer] of want.entries()) {
        const step = `${name} ${index + 1}`
        if (Object.hasOwn(KNOWN, step)) assert.notDeepEqual(got[index], answer, step)
        else assert.deepEqual(got[index], answer, `${step}: ${answer.request}`)
      }
    })
  }
})
