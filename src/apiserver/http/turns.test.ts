import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '../testing/test-server.ts'
import { createTurns } from './turns.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

// CVE-2023-44487: what a client resets at once costs no work.
test('a connection begins a hundred requests at once, and none that was reset meanwhile', async () => {
  const takeTurn = createTurns()
  const [greedy, other] = [{}, {}]
  const begun: string[] = []
  const gone = new Set<string>()
  const send = (connection: object, name: string) =>
    takeTurn(connection, { isGone: () => gone.has(name), start: () => begun.push(name) })
  for (let i = 0; i < 1_000; i++) send(greedy, `g${i}`)
  send(other, 'o')
  assert.equal(begun.length, 101)
  assert.equal(begun.at(-1), 'o')
  for (let i = 200; i < 1_000; i++) gone.add(`g${i}`)
  await nextTurn()
  await nextTurn()
  assert.equal(begun.length, 201)
  await nextTurn()
  send(greedy, 'later')
  assert.equal(begun.at(-1), 'later')
})

test('streams of one HTTP/2 connection share its turns', async () => {
  await using server = await startTestServer()
  const answers = await Promise.all(
    Array.from({ length: 400 }, () => server.request('GET', '/readyz')),
  )
  assert.ok(answers.every(({ code, text }) => code === 200 && text === 'ok'))
})
