import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { before, suite, test } from 'node:test'
import { type Failure, parseFailures, summarizeFailures } from './report-failures.ts'

const root = resolve(import.meta.dirname, '..')

const cases = [
  {
    name: 'an assertion, with what it expected, and where',
    body: `suite('outer', () => test('inner > most', () => assert.deepEqual({ a: [1, 2] }, { a: [1, 3] })))`,
    says: [
      /^✘ 0\.test\.ts:3 · outer > inner > most \(\d+\.\d s\)$/m,
      /^ {4}AssertionError: Expected values to be strictly deep-equal:$/m,
      /^ {4}\+ +2$/m,
      /^ {4}- +3$/m,
      /^ {4}at .*\(0\.test\.ts:3:\d+\)$/m,
    ],
    count: 1,
  },
  {
    name: 'an error, and what caused it',
    body: `test('t', () => { throw new Error('above', { cause: new TypeError('below') }) })`,
    says: [/^ {4}Error: above\n {4}caused by TypeError: below$/m],
    count: 1,
  },
  {
    name: 'a hook that fails, once for all tests behind it',
    body: `suite('s', () => { before(() => { throw new Error('no cluster') }); test('x', () => {}); test('y', () => {}) })`,
    says: [/ · s \(/, /^ {4}failed running before hook\n {4}Error: no cluster$/m],
    count: 1,
  },
  {
    name: 'a test that takes too long, and what its file printed',
    body: `test('t', { timeout: 10 }, () => { console.log('so far'); return new Promise((go) => setTimeout(go, 100)) })`,
    says: [/^ {4}test timed out after 10ms\n {4}its file printed:\n {4}so far$/m],
    count: 1,
  },
  {
    name: 'a file that cannot be loaded',
    body: `import 'nothing-there'`,
    says: [/\(the process ended with 1\)/, /Cannot find package 'nothing-there'/],
    count: 1,
  },
  {
    name: 'a test that fails and leaves something behind, without waiting for that',
    body: `test('t', () => { setTimeout(() => {}, 1e6); throw new Error('x') })`,
    says: [/ · t \(/, /^ {4}Error: x$/m],
    count: 1,
  },
  { name: 'nothing where every test passes', body: `test('t', () => {})`, says: [/^$/], count: 0 },
]

suite('The summary of failures tells', () => {
  let failures: readonly Failure[]
  before(() => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-report-'))
    try {
      const head = `import assert from 'node:assert/strict'\nimport { before, suite, test } from 'node:test'\n`
      for (const [i, { body }] of cases.entries()) {
        writeFileSync(
          join(folder, `${i}.test.ts`),
          `${head}${body}\nvoid [assert, before, suite, test]`,
        )
      }
      // Set by a test that started us, it would make `node --test` run nothing and succeed.
      const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
      const env = { ...inherited, FAIRLEAD_TEST_GRACE_MS: '500' }
      const reporter = `--test-reporter=${join(root, 'tools/report-failures.ts')}`
      const argv = ['--test', reporter, ...cases.map((_, i) => `${i}.test.ts`)]
      const run = spawnSync(join(root, 'bin/fairlead-node'), argv, {
        cwd: folder,
        env,
        timeout: 100_000,
      })
      failures = parseFailures(String(run.stdout))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  for (const [i, { name, says, count }] of cases.entries()) {
    test(name, () => {
      const own = failures.filter(({ where }) => where.startsWith(`${i}.test.ts:`))
      const summary = summarizeFailures(own)
      assert.equal(own.length, count, summary)
      for (const each of says) assert.match(summary, each)
    })
  }

  test('at most 30 lines of each, and of many their names', () => {
    const long = Array.from({ length: 100 }, (_, i) => `line ${i}`).join('\n')
    const many = Array.from(
      { length: 40 },
      (_, i): Failure => ({ where: 'a.test.ts:1', names: [`test ${i}`], seconds: 1, text: long }),
    )
    const lines = summarizeFailures(many).split('\n')
    assert.equal(lines.filter((line) => line.startsWith('✘')).length, 40)
    assert.ok(lines.indexOf('✘ a.test.ts:1 · test 1 (1.0 s)') <= 30)
    assert.ok(lines.includes('    line 99'), 'the end too')
    assert.ok(lines.length < 195, `${lines.length} lines`)
  })
})
