import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
export const fairleadCommand = join(root, 'bin/fairlead')
const PATIENCE_MS = 240_000

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
}

/** A home and a kubeconfig of their own, gone when disposed, with whatever clusters were made in it. */
export interface Home extends Disposable {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Runs `bin/fairlead` to its end. */
  fairlead(args: readonly string[], input?: string): Result
  /** Starts `bin/fairlead` and leaves it running. */
  start(args: readonly string[]): ChildProcess
  /** Runs the real kubectl against cluster `name`. */
  kubectl(name: string, args: readonly string[], input?: string): Result
}

let homes = 0

/** Names are short: they become namespace and socket paths. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${homes++}`
}

export function createHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-e2e-'))
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    FAIRLEAD_HOME: join(folder, 'home'),
    KUBECONFIG: join(folder, 'kubeconfig'),
    NO_COLOR: '1',
  }
  const fairlead = (args: readonly string[], input = '') => run(fairleadCommand, args, env, input)
  return {
    folder,
    env,
    fairlead,
    start: (args) => spawn(fairleadCommand, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }),
    kubectl: (name, args, input = '') =>
      run(
        fairleadCommand,
        ['kubectl', '--name', name, '--', '--cache-dir', join(folder, 'cache'), ...args],
        env,
        input,
      ),
    [Symbol.dispose]() {
      const { status, stderr } = fairlead(['down', '--all'])
      // What is left may hold mounts: a person must look at it.
      if (status !== 0) throw new Error(`Cannot remove the test's clusters in ${folder}: ${stderr}`)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One cluster in a home of its own. */
export interface TestCluster extends Disposable {
  readonly home: Home
  readonly name: string
  fairlead(args: readonly string[], input?: string): Result
  kubectl(args: readonly string[], input?: string): Result
  /** Runs a command by `fairlead exec`. */
  exec(target: string, command: readonly string[]): Result
}

/** @throws where `up` fails, with what it said */
export function startCluster(prefix: string, options: readonly string[] = []): TestCluster {
  const home = createHome()
  const name = uniqueName(prefix)
  const { status, stderr } = home.fairlead(['up', '--name', name, ...options])
  if (status !== 0) {
    home[Symbol.dispose]()
    throw new Error(`Cannot start the test's cluster: ${stderr}`)
  }
  return {
    home,
    name,
    fairlead: ([verb = '', ...args], input) =>
      home.fairlead([verb, '--name', name, ...args], input),
    kubectl: (args, input) => home.kubectl(name, args, input),
    exec: (target, command) => home.fairlead(['exec', target, '--name', name, '--', ...command]),
    [Symbol.dispose]: () => home[Symbol.dispose](),
  }
}

/** Polls until `holds` gives something. @throws after the deadline, saying what did not happen */
export async function eventually<T>(
  what: string,
  holds: () => T | undefined | false,
  patienceMs = 120_000,
): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const found = holds()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline)
      throw new Error(`Cannot see that ${what}: it did not happen within ${patienceMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input: string,
): Result {
  const started = performance.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    env,
    input,
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    maxBuffer: 64 << 20,
  })
  return {
    status: status ?? 1,
    stdout: stdout ?? '',
    stderr: error ? `${stderr}${error.message}` : stderr,
    milliseconds: performance.now() - started,
  }
}
