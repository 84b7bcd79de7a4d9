/**
 * The API server alone, over SQLite and over a real etcd of one member, in turns: creations, lists, fan-out to watchers, memory, start-up.
 * Clients are processes of their own and share the machine's cores with the server and etcd. A pod is of 3.9 kB, half of it managedFields, as a
 * Deployment's pod that no kubelet has told of yet.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { ServeConfig } from '#apiserver/testing/serve.ts'
import { startTestEtcd } from '../e2e/support/etcd.ts'
import {
  createIdentities,
  type Identities,
  type ServerProcess,
  startServer,
} from '../soak/storage/api-server.ts'
import { createClient } from '../soak/storage/client.ts'
import { type Add, measureLists } from './api/lists.ts'
import { cpuMs, residentMB } from './support/process.ts'
import type { Measurement } from './support/report.ts'

const PODS = 10_000
const LISTED = '/api/v1/namespaces/default/pods'
const CREATORS = 2
const IN_FLIGHT = 100
const FAN_OUT_WRITES_PER_SECOND = 50
const FAN_OUT_SECONDS = 4
/** Memory is read when the young heap has calmed down. */
const SETTLE_MS = 2_000
const root = resolve(import.meta.dirname, '..')

interface Found extends Measurement {
  readonly values: number[]
}
type Values = Map<string, Found>

export async function measure([rounds = '3']: readonly string[]): Promise<readonly Measurement[]> {
  if (!/^[1-9]\d*$/.test(rounds))
    throw new Error(`Cannot measure ${rounds} rounds: it is not a whole number of at least 1`)
  const identities = await createIdentities()
  const found: Values = new Map()
  for (let round = 0; round < Number(rounds); round++) {
    for (const engine of ['SQLite', 'etcd'] as const) {
      console.error(`round ${round + 1}, ${engine}, load ${loadavg()[0]!.toFixed(1)}`)
      await measureEngine(engine, identities, found)
    }
  }
  return [...found.values()]
}

async function measureEngine(
  engine: 'SQLite' | 'etcd',
  identities: Identities,
  found: Values,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-bench-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const store = await storeOf(engine, folder, stack)
  const add: Add = (what, unit, value, target = {}) => {
    const name = `${what}, ${engine}`
    const entry: Found = found.get(name) ?? { name, unit, values: [], ...target }
    entry.values.push(value)
    found.set(name, entry)
  }
  const start = () => startServer(folder, identities, store)
  {
    await using empty = await start()
    add('start to first answer, empty', 'ms', await firstAnswer(empty, identities), { atMost: 150 })
  }
  await using server = await start()
  const jobs = createJobs(folder, server.port, identities)
  const before = cpuMs(server.pid)
  add('creates with one watcher', '/s', await measureCreates(jobs), { atLeast: 10_000 })
  // What does not depend on who else uses the machine.
  add("server's CPU time a create", 'µs', ((cpuMs(server.pid) - before) * 1000) / PODS)
  await delay(SETTLE_MS)
  add('resident memory at 10,000 pods, after the load', 'MB', residentMB(server.pid))
  await measureLists(server, identities, folder, add)
  for (const watchers of [100, 1000]) {
    const { p50, p99 } = await measureFanOut(jobs, server, identities, watchers)
    add(`${watchers} watchers at 50 writes/s, p50`, 'ms', p50)
    add(`${watchers} watchers at 50 writes/s, p99`, 'ms', p99, { atMost: 100 })
  }
  await server.kill()
  await using full = await start()
  add('start to first answer, 10,000 pods', 'ms', await firstAnswer(full, identities), {
    atMost: 150,
  })
  await delay(SETTLE_MS)
  add('resident memory at 10,000 pods, after a start', 'MB', residentMB(full.pid), { atMost: 150 })
}

async function storeOf(
  engine: 'SQLite' | 'etcd',
  folder: string,
  stack: AsyncDisposableStack,
): Promise<ServeConfig['store']> {
  if (engine === 'SQLite') return { kind: 'sqlite', path: join(folder, 'state.db') }
  const etcd = stack.use(await startTestEtcd())
  const { endpoints, tls } = etcd.access
  const { caPEM = '', certPEM = '', keyPEM = '' } = tls ?? {}
  return { kind: 'etcd', prefix: '/bench', endpoints, tls: { caPEM, certPEM, keyPEM } }
}

/** From the process's start until an object is answered over a new TLS connection. */
async function firstAnswer(server: ServerProcess, identities: Identities): Promise<number> {
  const started = performance.now()
  using client = createClient(server.port, identities)
  await client.send('GET', '/api/v1/namespaces/default')
  return server.startMs + performance.now() - started
}

interface Jobs {
  /** Runs a client process; `ready` resolves at its first word, `said` with its numbers. */
  start(
    work: unknown,
    revision?: string,
  ): { readonly ready: Promise<void>; readonly said: Promise<Record<string, unknown>> }
}

function createJobs(folder: string, port: number, { caPEM, admin }: Identities): Jobs {
  let jobs = 0
  return {
    start(work, revision = '1') {
      const file = join(folder, `job-${jobs++}.json`)
      writeFileSync(file, JSON.stringify({ port, caPEM, admin, work }), { mode: 0o600 })
      const child = spawn(
        join(root, 'bin/fairlead-node'),
        [join(root, 'bench/api/load.ts'), file, revision],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const ready = Promise.withResolvers<void>()
      return { ready: ready.promise, said: hear(child, ready.resolve) }
    },
  }
}

async function hear(child: ChildProcess, ready: () => void): Promise<Record<string, unknown>> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === 'ready') ready()
    else return JSON.parse(line)
  }
  throw new Error('Cannot measure: a client process ended without a word')
}

async function measureCreates(jobs: Jobs): Promise<number> {
  const watcher = jobs.start({ kind: 'watch', watchers: 1, events: PODS })
  await watcher.ready
  const started = performance.now()
  const creators = Array.from({ length: CREATORS }, (_, i) =>
    jobs.start({ kind: 'create', prefix: `pod-${i}`, count: PODS / CREATORS, inFlight: IN_FLIGHT }),
  )
  // The client processes' own start is not the server's time: the slowest creator's is taken.
  const said = await Promise.all(creators.map((creator) => creator.said))
  await watcher.said
  if (performance.now() - started < 100) throw new Error('Cannot measure: too fast to be true')
  return PODS / Math.max(...said.map(({ seconds }) => Number(seconds)))
}

async function measureFanOut(
  jobs: Jobs,
  { port }: ServerProcess,
  identities: Identities,
  watchers: number,
) {
  using client = createClient(port, identities)
  const { body } = await client.send('GET', `${LISTED}?limit=1`)
  const events = FAN_OUT_WRITES_PER_SECOND * FAN_OUT_SECONDS
  const watching = jobs.start({ kind: 'watch', watchers, events }, body.metadata.resourceVersion)
  await watching.ready
  const [pod] = body.items
  for (let i = 0; i < events; i++) {
    const due = delay(1000 / FAN_OUT_WRITES_PER_SECOND)
    const patch = { metadata: { annotations: { 'bench/at': String(Date.now()) } } }
    const { code } = await client.send(
      'PATCH',
      `${LISTED}/${pod.metadata.name}`,
      patch,
      'application/merge-patch+json',
    )
    if (code !== 200) throw new Error(`Cannot measure: the patch was answered with ${code}`)
    await due
  }
  const { p50, p99 } = await watching.said
  return { p50: Number(p50), p99: Number(p99) }
}
