import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { createRowPrinter } from './print-rows.ts'
import type { Row } from './row.ts'

const rows: readonly Row[] = ['ask', 'ask for longer'].map((request) => ({
  layer: '3 service',
  request,
  ask: () => Promise.reject(new Error('not asked here')),
}))
const outcome = { asPromised: true, answered: 'app1', how: 'the rule', milliseconds: 1.26 }

function printed(output: 'json' | undefined, columns?: number): string {
  let text = ''
  const write = (piece: string) => {
    text += piece
  }
  const printer = createRowPrinter(rows, output, { write, ...(columns && { columns }) })
  printer.print(rows[0]!, outcome)
  printer.print(rows[1]!, { ...outcome, asPromised: false, milliseconds: 12.6 })
  printer.end()
  return stripVTControlCharacters(text)
}

suite('createRowPrinter()', () => {
  test('prints aligned rows, marked by whether the promise was kept', () => {
    const [head, first, second] = printed(undefined).split('\n')
    assert.match(head!, /^ {2}LAYER +REQUEST +MS +WHAT ANSWERED +HOW$/)
    assert.match(first!, /^✔ 3 service +ask +1\.3 {2}app1 +the rule$/)
    assert.match(second!, /^✘ 3 service +ask for longer +13 {2}app1 +the rule$/)
    for (const line of [first!, second!])
      assert.equal(line.indexOf('the rule'), head!.indexOf('HOW'))
  })

  test('gives the evidence a line of its own on a narrow terminal', () => {
    const [, first, evidence] = printed(undefined, 60).split('\n')
    assert.match(first!, /app1$/)
    assert.match(evidence!, /^ +the rule$/)
  })

  test('prints JSON whole at the end', () => {
    const [first, second] = JSON.parse(printed('json'))
    assert.deepEqual(first, { layer: '3 service', request: 'ask', ...outcome })
    assert.equal(second.asPromised, false)
  })
})
