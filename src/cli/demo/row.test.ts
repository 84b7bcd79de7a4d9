import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { hostOf, parseEcho } from './row.ts'

suite('parseEcho()', () => {
  const answer = { pod: 'a', node: 'n', podIP: '10.244.0.2', client: '10.244.0.3:40000' }
  test('reads what the sample application answers', () => {
    assert.deepEqual(parseEcho(JSON.stringify({ ...answer, headers: {} })), answer)
    assert.equal(hostOf(answer.client), '10.244.0.3')
    assert.equal(hostOf('[fd00:10:244::3]:40000'), 'fd00:10:244::3')
  })
  for (const text of ['', 'text', '{}', '[]', 'null', '{"pod":"a"}'])
    test(`takes ${JSON.stringify(text)} for none`, () => assert.equal(parseEcho(text), undefined))
})
