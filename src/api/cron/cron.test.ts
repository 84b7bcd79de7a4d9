/** Expected times and texts: github.com/robfig/cron v3.0.1, spec_test.go and parser_test.go. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { nextTime } from './next-time.ts'
import { parseSchedule } from './parse-schedule.ts'

const times: readonly (readonly [from: string, schedule: string, want: string, zone?: string])[] = [
  ['2012-07-09T14:45:00Z', '0/15 * * * *', '2012-07-09T15:00:00Z'],
  ['2012-07-09T14:59:59Z', '0/15 * * * *', '2012-07-09T15:00:00Z'],
  ['2012-07-09T15:45:00Z', '20-35/15 * * * *', '2012-07-09T16:20:00Z'],
  ['2012-07-09T23:46:00Z', '*/15 * * * *', '2012-07-10T00:00:00Z'],
  ['2012-07-09T23:35:51Z', '20-35/15 1-3/2 * * *', '2012-07-10T01:20:00Z'],
  ['2012-07-09T23:35:00Z', '0 0 9 Apr,Jul Mon', '2012-07-16T00:00:00Z'],
  ['2012-12-31T23:59:45Z', '* * * * *', '2013-01-01T00:00:00Z'],
  ['2012-07-23T00:00:00Z', '0 0 29 Feb ?', '2016-02-29T00:00:00Z'],
  // Clock changes in New York: an hour that is skipped, and one that comes twice.
  ['2012-03-11T05:00:00Z', '30 2 11 Mar ?', '2013-03-11T06:30:00Z', 'America/New_York'],
  ['2012-11-04T04:00:00Z', '30 1 4 Nov ?', '2012-11-04T05:30:00Z', 'America/New_York'],
  ['2012-11-04T05:30:00Z', '30 1 4 Nov ?', '2012-11-04T06:30:00Z', 'America/New_York'],
  ['2012-11-04T06:30:00Z', '30 1 4 Nov ?', '2013-11-04T06:30:00Z', 'America/New_York'],
  ['2026-11-29T12:00:00Z', '@hourly', '2026-11-29T13:00:00Z'],
  ['2026-11-29T12:00:00Z', '@weekly', '2026-12-06T00:00:00Z'],
  ['2026-11-29T12:00:00Z', '@every 1h30m', '2026-11-29T13:30:00Z'],
  ['2026-11-29T12:00:00Z', 'TZ=Asia/Tokyo 0 9 * * *', '2026-11-30T00:00:00Z'],
]

suite('nextTime() after', () => {
  for (const [from, schedule, want, zone] of times) {
    test(`${from} of ${schedule}`, () => {
      const next = nextTime(parseSchedule(schedule), Date.parse(from), zone)
      assert.equal(next === undefined ? '' : `${new Date(next).toISOString().slice(0, 19)}Z`, want)
    })
  }
  test('30 February never comes', () =>
    assert.equal(
      nextTime(parseSchedule('0 0 30 Feb ?'), Date.parse('2012-07-09T23:35:00Z')),
      undefined,
    ))
})

const refused: readonly (readonly [string, string])[] = [
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-3 * * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['@unknown', 'unrecognized descriptor: @unknown'],
  ['TZ=0', 'invalid schedule format: runtime error: slice bounds out of range [:-1]'],
]

suite('parseSchedule() refuses', () => {
  for (const [text, want] of refused)
    test(text || 'nothing', () => assert.throws(() => parseSchedule(text), { message: want }))
  test('any text with a SyntaxError, or reads it', () => {
    const parts = fc.constantFrom(
      '*',
      '/',
      '-',
      ',',
      ' ',
      '1',
      '59',
      'mon',
      '@every ',
      'h',
      'TZ=',
      '?',
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (words) => {
        try {
          nextTime(parseSchedule(words.join('')), 0)
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error))
        }
      }),
      { numRuns: 300 },
    )
  })
})
