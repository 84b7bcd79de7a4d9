import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { createTestAuthority, type KeyPair } from '#apiserver/testing/certificates.ts'
import type { Stall } from '#apiserver/testing/loop-delay.ts'
import type { Answers, Memory, Question, ServeConfig } from '#apiserver/testing/serve.ts'

const root = resolve(import.meta.dirname, '../..')
/** Machines may be busy: what is measured is what is left, not how soon. */
const START_MS = 120_000

/** Who may connect to whom, made once for all servers of a run. */
export interface Identities {
  readonly caPEM: string
  readonly server: KeyPair
  readonly admin: KeyPair
}

export async function createIdentities(): Promise<Identities> {
  const authority = await createTestAuthority()
  const [server, admin] = await Promise.all([
    authority.sign('kube-apiserver'),
    authority.sign('kubernetes-admin', ['system:masters']),
  ])
  return { caPEM: authority.caPEM, server, admin }
}

/** An API server in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** How long it took from the process's start until it listened. */
  readonly startMs: number
  /**
   * With SIGSTOP: it says no word that it had not said when this returns. A thread that is in a system call stops
   * before it learns what came of it.
   */
  stop(): void
  /** With SIGKILL; resolves when it has ended. */
  kill(): Promise<void>
  /** The longest stall of its event loop since the last call, as it measured itself. */
  takeLoopDelay(): Promise<Stall>
  /** What it holds after a garbage collection. */
  measureMemory(): Promise<Memory>
}

/** @throws Error with its last words where it ends before it listens */
export async function startServer(
  folder: string,
  identities: Identities,
  store: ServeConfig['store'],
): Promise<ServerProcess> {
  const file = join(folder, 'server.json')
  writeFileSync(file, JSON.stringify({ ...identities, store } satisfies ServeConfig), {
    mode: 0o600,
  })
  const started = performance.now()
  const child = spawn(
    join(root, 'bin/fairlead-node'),
    ['--max-semi-space-size=4', join(root, 'src/apiserver/testing/serve.ts'), file],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, MALLOC_MMAP_THRESHOLD_: '262144' }, // as cluster/processes.ts does
    },
  )
  let words = ''
  child.stderr!.on('data', (text) => {
    words = `${words}${text}`.slice(-2000)
  })
  const orphan = () => void child.kill('SIGKILL')
  process.once('exit', orphan)
  child.once('exit', () => process.off('exit', orphan))
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const checkRuns = (verb: string) => {
    if (hasEnded())
      throw new Error(`Cannot ${verb} the API server: it had ended by itself: ${words}`)
  }
  const end = async () => {
    if (hasEnded()) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const port = await portOf(child).catch(() => {
    throw new Error(`Cannot start the API server: ${words}`)
  })
  return {
    port,
    pid: child.pid!, // it has spoken
    startMs: performance.now() - started,
    stop() {
      checkRuns('stop')
      child.kill('SIGSTOP')
    },
    async kill() {
      checkRuns('kill')
      await end()
    },
    takeLoopDelay: () => ask(child, 'loopDelay'),
    measureMemory: () => ask(child, 'memory'),
    [Symbol.asyncDispose]: end,
  }
}

async function ask<Q extends Question>(child: ChildProcess, question: Q): Promise<Answers[Q]> {
  const answered = once(child, 'message')
  child.send(question)
  const [answer] = (await answered) as [Answers[Q]]
  return answer
}

async function portOf(child: ChildProcess): Promise<number> {
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS)
  for await (const line of createInterface({ input: child.stdout! })) {
    const [, port] = /^listening on (\d+)$/.exec(line) ?? []
    if (!port) continue
    clearTimeout(timer)
    return Number(port)
  }
  throw new Error('it ended')
}
