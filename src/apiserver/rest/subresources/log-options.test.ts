import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { StatusError } from '#api/status.ts'
import { logParameters } from './log-options.ts'

// core/validation v1.36, ValidatePodLogOptions(); the texts of its table test.
const refused = [
  {
    query: 'tailLines=-1',
    want: 'tailLines: Invalid value: -1: must be greater than or equal to 0',
  },
  { query: 'limitBytes=0', want: 'limitBytes: Invalid value: 0: must be greater than 0' },
  { query: 'sinceSeconds=0', want: 'sinceSeconds: Invalid value: 0: must be greater than 0' },
  {
    query: 'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
    want: 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
  },
  { query: 'stream=Both', want: 'stream: Unsupported value: "Both": supported values:' },
  {
    query: 'stream=Stdout&tailLines=1',
    want: 'Forbidden: `tailLines` and specific `stream` are mutually exclusive for now',
  },
]

suite('logParameters()', () => {
  const parse = (query: string) => logParameters(new URLSearchParams(query), 'web')
  for (const { query, want } of refused)
    test(`refuses ${query}`, () =>
      assert.throws(
        () => parse(query),
        (error) => {
          assert.ok(error instanceof StatusError)
          assert.equal(error.status.code, 422)
          assert.ok(error.message.startsWith('PodLogOptions "web" is invalid: '), error.message)
          assert.ok(error.message.includes(want), error.message)
          return true
        },
      ))

  test('refuses what is no number', () => {
    assert.throws(() => parse('tailLines=x'), /strconv.ParseInt: parsing "x": invalid syntax/)
  })

  test('passes the rest on', () => {
    const all = 'follow=true&previous=1&timestamps=false&tailLines=3&container=c&pretty=true'
    assert.equal(parse(all).toString(), 'follow=true&previous=true&tailLines=3')
    assert.equal(parse('stream=Stderr').toString(), 'stream=Stderr')
  })
})
