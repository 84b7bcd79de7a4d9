/**
 * `npm test`: type-check and lint, then the three rings. Without root it runs what needs none, names what did not run, and exits 3.
 * `npm test -- unit|kernel|e2e …` runs those rings only; further words choose files by a part of their path.
 */
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { diffNetworkStates, readNetworkState } from '../e2e/support/host-network.ts'
import { type Failure, parseFailures, summarizeFailures } from './report-failures.ts'

interface Ring {
  readonly name: string
  readonly needsRoot: boolean
  readonly files: readonly string[]
  /** Clusters share one machine's ports and their tests time their steps: one file at a time. */
  readonly concurrency: number
  readonly what?: string
}

/** Of one test, on a machine that is much slower than those it was written on. */
const TEST_TIMEOUT_MS = 360_000
const root = resolve(import.meta.dirname, '..')
const launcher = resolve(root, 'bin/fairlead-node')
const isRoot = process.getuid?.() === 0

const all = globSync(['src/**/*.test.ts', 'tools/**/*.test.ts'], { cwd: root }).sort()
const e2e = globSync('e2e/**/*.test.ts', { cwd: root }).sort()
/** Others talk to servers of their own, or boot a guest, which has one core. */
const bringsUpClusters = (file: string) =>
  readFileSync(resolve(root, file), 'utf8').includes("'./support/cluster.ts'")
const rings: readonly Ring[] = [
  {
    name: 'unit',
    needsRoot: false,
    files: all.filter((file) => !file.endsWith('.kernel.test.ts')),
    concurrency: availableParallelism(),
  },
  {
    name: 'kernel',
    needsRoot: true,
    files: all.filter((file) => file.endsWith('.kernel.test.ts')),
    concurrency: availableParallelism(),
  },
  {
    name: 'e2e',
    what: 'clusters',
    needsRoot: true,
    files: e2e.filter(bringsUpClusters),
    concurrency: 1,
  },
  {
    name: 'e2e',
    what: 'no cluster of this machine',
    needsRoot: true,
    files: e2e.filter((file) => !bringsUpClusters(file)),
    concurrency: availableParallelism(),
  },
]

const words = process.argv.slice(2)
const chosen = rings.filter(({ name }) => words.includes(name))
const parts = words.filter((word) => !rings.some(({ name }) => name === word))
const running = (chosen.length > 0 ? chosen : rings).map((ring) => ({
  ...ring,
  files: ring.files.filter(
    (file) => parts.length === 0 || parts.some((part) => file.includes(part)),
  ),
}))
const strange = parts.filter(
  (part) => !running.some(({ files }) => files.some((file) => file.includes(part))),
)
if (strange.length > 0) {
  const names = [...new Set(rings.map(({ name }) => name))].join(', ')
  console.error(
    `Cannot run tests of ${strange.join(', ')}: no file of the ${chosen.map(({ name }) => name).join(', ') || 'tests'} has it in its path (rings: ${names})`,
  )
  process.exit(2)
}
const failures: string[] = []
const failedTests: Failure[] = []

if (words.length === 0) {
  await step('typecheck', 'node_modules/.bin/tsc', ['--noEmit', '-p', root])
  await step('lint', 'node_modules/.bin/biome', ['check', '.'])
  await step('imports', launcher, ['tools/check-imports.ts'])
}
const skipped: string[] = []
for (const { name, what, needsRoot, files, concurrency } of running) {
  if (files.length === 0) continue
  if (needsRoot && !isRoot) skipped.push(`the ${name} ring (${files.length} files)`)
  else {
    const before = needsRoot ? readNetworkState() : undefined
    await runRing(
      `${name} ring${what ? `, ${what}` : ''}, ${files.length} files`,
      files,
      concurrency,
    )
    // Tests make namespaces of their own: one that reached into the machine's network is a defect.
    for (const change of before ? diffNetworkStates(before, readNetworkState()) : []) {
      failures.push(`the ${name} ring changed this machine's network: ${change}`)
    }
  }
}

// Last, since those who look at a run elsewhere may have its last lines only.
if (failedTests.length > 0) console.error(`\n${summarizeFailures(failedTests)}\n`)
for (const failure of failures) console.error(`✘ ${failure}`)
if (failures.length > 0) process.exit(1)
if (skipped.length > 0) {
  console.error(
    `Did not run: ${skipped.join(', ')}: they make network namespaces, which only root may (call it with sudo)`,
  )
  process.exit(3)
}

async function runRing(name: string, files: readonly string[], concurrency: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-test-'))
  const report = join(folder, 'failures')
  try {
    await step(name, launcher, [
      '--test',
      // A test that hangs fails, instead of holding up all the others.
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--test-concurrency=${concurrency}`,
      ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
      ...['--test-reporter=./tools/report-failures.ts', `--test-reporter-destination=${report}`],
      ...files,
    ])
    failedTests.push(...parseFailures(readFileSync(report, 'utf8')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function step(name: string, command: string, args: readonly string[]): Promise<void> {
  console.error(`\n== ${name}`)
  const { promise, resolve: done } = Promise.withResolvers<number | null>()
  // Set by a test that started us, it would make `node --test` run nothing and succeed.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] })
  child.once('error', () => done(127))
  child.once('exit', done)
  const started = performance.now()
  const code = await promise
  console.error(
    `== ${name}: ${code === 0 ? 'ok' : `failed (${code})`} after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  )
  if (code !== 0) failures.push(name)
}
