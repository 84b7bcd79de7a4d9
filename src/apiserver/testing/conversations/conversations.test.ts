/**
 * What kube-apiserver answers, to the byte of every message. The answers were recorded from kube-apiserver v1.36.0
 * (its Go module k8s.io/kubernetes) by tools/record-conversations.ts, without the admission of service accounts, as here.
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

suite('kube-apiserver answers as recorded', { concurrency: true }, () => {
  for (const [name, conversation] of Object.entries(conversations)) {
    test(name, async () => {
      const file = new URL(`./testdata/${name}.json`, import.meta.url)
      const want = JSON.parse(readFileSync(file, 'utf8')) as Played[]
      const got = await play(name, conversation, server)
      assert.equal(got.length, want.length)
      for (const [index, answer] of want.entries())
        assert.deepEqual(got[index], answer, `${name} ${index + 1}: ${answer.request}`)
    })
  }
})
