import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createRowPrinter } from './print-rows.ts'
import { hostOf, parseEcho, type Row } from './row.ts'

const rows: readonly Row[] = ['ask', 'ask for longer'].map((request) => ({
  layer: '3 service',
  request,
  ask: () => Promise.reject(new Error('not asked here')),
}))
const outcome = { asPromised: true, answered: 'app1', how: 'the rule', milliseconds: 1.26 }

function printed({ mock }: TestContext, output: 'json' | undefined): string {
  let text = ''
  const write = mock.method(process.stdout, 'write', (piece: string) => {
    text += piece
    return true
  })
  const printer = createRowPrinter(rows, output)
  printer.print(rows[0]!, outcome)
  printer.print(rows[1]!, { ...outcome, asPromised: false, milliseconds: 12.6 })
  printer.end()
  write.mock.restore()
  return text
}

test('createRowPrinter() prints aligned rows, marked by whether the promise was kept', (context) => {
  const [head, ...lines] = printed(context, undefined).trimEnd().split('\n')
  assert.match(head!, /^ {2}LAYER +REQUEST +WHAT ANSWERED +TIME +HOW$/)
  assert.match(lines[0]!, /✔.* 3 service +ask +app1 +1\.3 ms +the rule$/)
  assert.match(lines[1]!, /✘.* 3 service +ask for longer +app1 +13 ms +the rule$/)
})

test('createRowPrinter() prints JSON whole at the end', (context) => {
  const [first, second] = JSON.parse(printed(context, 'json'))
  assert.deepEqual(first, { layer: '3 service', request: 'ask', ...outcome })
  assert.equal(second.asPromised, false)
})

test('parseEcho() reads what the sample application answers, and nothing else', () => {
  const answer = { pod: 'a', node: 'n', podIP: '10.244.0.2', client: '10.244.0.3:40000' }
  assert.deepEqual(parseEcho(JSON.stringify({ ...answer, headers: {} })), answer)
  for (const text of ['', 'text', '{}', '[]', 'null', '{"pod":"a"}'])
    assert.equal(parseEcho(text), undefined)
  assert.equal(hostOf(answer.client), '10.244.0.3')
})
