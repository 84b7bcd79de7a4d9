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
  'field-selectors-of-pods 8': 'recorded without the admission of service accounts',
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
