import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'

/** What the rule of ARCHITECTURE.md says of one file with one import. */
const cases: readonly {
  readonly name: string
  readonly file: string
  readonly line: string
  readonly finding?: RegExp
}[] = [
  { name: 'a lower folder', file: 'src/wire/a.ts', line: `import { x } from '#ip/x.ts'` },
  {
    name: 'a higher folder',
    file: 'src/ip/a.ts',
    line: `import { x } from '#wire/x.ts'`,
    finding: /src\/ip\/a\.ts: ip\/ may not import #wire\/x\.ts/,
  },
  {
    name: 'a higher folder, when called',
    file: 'src/apiserver/a.ts',
    line: `const x = await import('#kernel/x.ts')`,
    finding: /apiserver\/ may not import #kernel\/x\.ts/,
  },
  {
    name: 'a higher folder, for its types',
    file: 'src/client/a.ts',
    line: `export type { X } from '#apiserver/x.ts'`,
    finding: /client\/ may not import #apiserver\/x\.ts/,
  },
  {
    name: "a lower layer's model",
    file: 'src/external-access/a.ts',
    line: `import { x } from '#service-network/model.ts'`,
  },
  {
    name: "a lower layer's insides",
    file: 'src/external-access/a.ts',
    line: `import { x } from '#service-network/dns/x.ts'`,
    finding: /external-access\/ may not import #service-network\/dns\/x\.ts/,
  },
  {
    name: "a higher layer's model",
    file: 'src/pod-network/a.ts',
    line: `import { x } from '#service-network/model.ts'`,
    finding: /pod-network\/ may not import/,
  },
  {
    name: 'everything, for a daemon',
    file: 'src/daemons/a.ts',
    line: `import '#pod-network/x.ts'`,
  },
  {
    name: 'the own folder, as another',
    file: 'src/api/a.ts',
    line: `import { x } from '#api/x.ts'`,
    finding: /import #api\/x\.ts relatively/,
  },
  {
    name: 'another folder, relatively',
    file: 'src/api/deep/a.ts',
    line: `import { x } from '../../ip/x.ts'`,
    finding: /import \.\.\/\.\.\/ip\/x\.ts as #ip\/…/,
  },
  {
    name: 'the test folder, from a test',
    file: 'src/ip/a.test.ts',
    line: `import { x } from '#testing/x.ts'`,
  },
  {
    name: 'the test folder, from a source',
    file: 'src/ip/a.ts',
    line: `import { x } from '#testing/x.ts'`,
    finding: /ip\/ may not import #testing\/x\.ts/,
  },
]

suite('tools/check-imports.ts', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-imports-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  for (const { name, file, line, finding } of cases) {
    test(`${finding ? 'refuses' : 'allows'} ${name}`, () => {
      mkdirSync(join(folder, dirname(file)), { recursive: true })
      writeFileSync(join(folder, file), `${line}\n`)
      const script = join(import.meta.dirname, 'check-imports.ts')
      const run = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' })
      assert.equal(run.status, finding ? 1 : 0, run.stderr)
      assert.match(run.stderr, finding ?? /^$/)
    })
  }
})
