import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

const PARTS = [
  'bin',
  'tools/test.ts',
  'tools/report-failures.ts',
  'tools/end-hung-files.ts',
  'e2e/support/host-network.ts',
]

// A repository of its own, with our runner and two tests.
suite('tools/test.ts', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-test-runner-'))
    for (const path of PARTS) cpSync(join(root, path), join(folder, path), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const [name, holds] of [
      ['good', true],
      ['bad', false],
    ] as const) {
      const lines = [
        `import assert from 'node:assert/strict'`,
        `import { test } from 'node:test'`,
        `test('${name}', () => assert.ok(${holds}))`,
      ]
      mkdirSync(join(folder, 'src', name), { recursive: true })
      writeFileSync(join(folder, 'src', name, `${name}.test.ts`), lines.join('\n'))
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const cases = [
    { name: 'passes where every test does', words: ['unit', 'src/good'], status: 0, says: /ok/ },
    {
      name: 'fails where one does not',
      words: ['unit'],
      status: 1,
      says: /✘ src\/bad\/bad\.test\.ts:3 · bad \(.*AssertionError.*\n✘ unit ring, 2 files\n$/s,
    },
    {
      name: 'refuses a word that no file has',
      words: ['unit', 'src/none'],
      status: 2,
      says: /Cannot run tests of src\/none: no file/,
    },
    {
      name: 'refuses it beside one that a file has',
      words: ['src/good', 'untyped'],
      status: 2,
      says: /Cannot run tests of untyped/,
    },
  ]
  for (const { name, words, status, says } of cases) {
    test(name, () => {
      const argv = [join(folder, 'tools/test.ts'), ...words]
      const run = spawnSync(join(folder, 'bin/fairlead-node'), argv, { encoding: 'utf8' })
      assert.equal(run.status, status, run.stdout + run.stderr)
      assert.match(run.stderr, says)
    })
  }
})
