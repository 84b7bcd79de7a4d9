import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseLogOptions } from './log-options.ts'

// Parameters: PodLogOptions of the v1 API.
suite('parseLogOptions()', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  const parse = (query: string) => parseLogOptions(new URLSearchParams(query), now)
  const none = {
    follow: false,
    previous: false,
    timestamps: false,
    stream: undefined,
    tailLines: undefined,
    limitBytes: undefined,
    sinceMs: undefined,
  }
  const cases = [
    { query: '', want: none },
    {
      query: 'follow=true&tailLines=0&limitBytes=9',
      want: { ...none, follow: true, tailLines: 0, limitBytes: 9 },
    },
    {
      query: 'previous=true&sinceSeconds=60',
      want: { ...none, previous: true, sinceMs: now - 60_000 },
    },
    {
      query: 'timestamps=true&stream=Stderr',
      want: { ...none, timestamps: true, stream: 'stderr' },
    },
    { query: 'sinceTime=2026-11-21T11:00:00Z', want: { ...none, sinceMs: now - 3_600_000 } },
  ]
  for (const { query, want } of cases)
    test(query || 'nothing', () => assert.deepEqual(parse(query), want))
  for (const query of [
    'tailLines=-1',
    'tailLines=x',
    'limitBytes=0',
    'sinceSeconds=1.5',
    'sinceTime=yesterday',
  ])
    test(`refuses ${query}`, () => assert.throws(() => parse(query), RangeError))
})
