import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { hasEnded } from '#kernel/process/process.ts'
import { PATIENCE_MS, timeFactor, waitFor } from './wait-for.ts'

export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
  readonly status: number
}

export interface ExecOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** Runs a command to its end. @throws Error where it could not be started or took too long; its own exit status is the caller's to judge */
export function execSync(
  argv: readonly string[],
  { input = '', env = {}, timeoutMs = PATIENCE_MS }: ExecOptions = {},
): CommandResult {
  const [command = '', ...args] = argv
  const { stdout, stderr, status, signal, error } = spawnSync(command, args, {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
    timeout: timeoutMs * timeFactor,
    killSignal: 'SIGKILL',
  })
  if (error) throw new Error(`Cannot run ${argv.join(' ')}: ${error.message}`, { cause: error })
  return { stdout, stderr, status: status ?? (signal === null ? -1 : 128) }
}

/** A process that a test started. Disposing kills it and returns when it is dead. */
export interface LabProcess extends Disposable {
  readonly pid: number
  readonly child: ChildProcess
  /** What it wrote so far, standard output and standard error together. */
  output(): string
  /** Waits until its output contains `text`. */
  outputs(text: string, timeoutMs?: number): Promise<void>
}

export function startProcess(
  argv: readonly string[],
  { env = {} }: Pick<ExecOptions, 'env'> = {},
): LabProcess {
  const [command = '', ...args] = argv
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  if (child.pid === undefined) throw new Error(`Cannot start ${argv.join(' ')}`)
  const { pid } = child
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  return {
    pid,
    child,
    output: () => output,
    async outputs(text, timeoutMs = PATIENCE_MS) {
      const what = `${argv.join(' ')} to print ${JSON.stringify(text)}`
      await waitFor(() => output.includes(text), { what, timeoutMs }).catch((cause) => {
        throw new Error(`${cause.message}; it printed ${JSON.stringify(output)}`, { cause })
      })
    },
    [Symbol.dispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      waitUntilDead(pid)
    },
  }
}

/** Blocks, since disposal is synchronous: the event loop reaps the process later, but its namespaces are free as soon as it is a zombie. */
function waitUntilDead(pid: number): void {
  const deadline = performance.now() + PATIENCE_MS
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  while (!hasEnded(pid)) {
    if (performance.now() > deadline)
      throw new Error(`Cannot end process ${pid}: it is still there`)
    Atomics.wait(sleeper, 0, 0, 1)
  }
}
