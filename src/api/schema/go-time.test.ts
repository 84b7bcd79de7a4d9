import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { parseMicroTime, parseTime } from './go-time.ts'

interface Row {
  readonly in: string
  readonly time?: string
  readonly timeError?: string
  readonly micro?: string
  readonly microError?: string
}

/** What metav1.Time and metav1.MicroTime of apimachinery v0.36.0 (Go 1.26) make of a text, and print again as JSON. */
const rows = readFileSync(new URL('./testdata/times.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): Row => JSON.parse(line))

const toResult = (json: string | undefined, error: string | undefined) =>
  json === undefined ? { error } : { text: JSON.parse(json) as string }

suite('times as Go reads them', () => {
  for (const row of rows) {
    test(JSON.stringify(row.in), () => {
      assert.deepEqual(parseTime(row.in), toResult(row.time, row.timeError))
      assert.deepEqual(parseMicroTime(row.in), toResult(row.micro, row.microError))
    })
  }
})
