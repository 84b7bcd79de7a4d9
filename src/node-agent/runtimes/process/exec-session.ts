import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, fchownSync, fstatSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { startTimeOf } from '#kernel/process/process.ts'
import { openPty, openSlave, setWindowSize } from '#kernel/pty/pty.ts'
import type { ExecOptions, ExecSession } from '../runtime.ts'
import { childOf, recordExec } from './exec-records.ts'
import { programProblem } from './find-program.ts'
import type { LastingProcess } from './lasting-process.ts'
import { DEFAULT_PATH } from './render-script.ts'

/** How a process comes to be one of a container's. */
export interface ContainerEntry {
  /** Where its files are. */
  readonly directory: string
  readonly main: LastingProcess
  /** setpriv and its flags, or nothing. */
  readonly privileges: readonly string[]
  readonly env: readonly string[]
  readonly workingDir: string
}

/** What heeds no hang-up for so long is killed. */
const HANG_UP_GRACE_MS = 1000
/** After a program's end its output is read on as long as some comes: what it left running may hold it open for ever. */
const DRAIN_MS = 500

/**
 * Starts a command inside a running container, in all its namespaces, as a session of its own.
 *
 * @throws Error in containerd's words where the container has no such program
 */
export function startExec(entry: ContainerEntry, options: ExecOptions): ExecSession {
  checkProgram(entry, options.command[0] ?? '')
  return options.tty ? startInTerminal(entry, options) : startWithPipes(entry, options)
}

function checkProgram({ main, env, workingDir }: ContainerEntry, program: string): void {
  const path = env.find((pair) => pair.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH
  const problem = programProblem(program, { root: `/proc/${main.pid}/root`, workingDir, path })
  if (problem === undefined) return
  const id = randomBytes(32).toString('hex')
  throw new Error(
    `failed to exec in container: failed to start exec "${id}": OCI runtime exec failed: exec failed: unable to start container process: ${problem}: unknown`,
  )
}

function startWithPipes(entry: ContainerEntry, { command, stdin }: ExecOptions): ExecSession {
  const child = spawnInside(
    entry,
    ['setsid', ...entryWords(entry, command)],
    [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  )
  const { stdout, stderr } = child as { stdout: Readable; stderr: Readable }
  const exited = exitOf(child)
  void exited.then(() => drain([stdout, stderr]))
  return {
    ...(child.stdin ? { stdin: child.stdin } : {}),
    stdout,
    stderr,
    exited,
    resize: () => {},
    kill: () => hangUp(child),
  }
}

function startInTerminal(entry: ContainerEntry, { command }: ExecOptions): ExecSession {
  const pty = openPty(`/proc/${entry.main.pid}/root/dev/pts/ptmx`)
  const slave = openSlave(pty)
  giveToUser(slave, entry.privileges)
  const hasTerm = entry.env.some((pair) => pair.startsWith('TERM='))
  const withTerm = hasTerm ? entry : { ...entry, env: ['TERM=xterm', ...entry.env] }
  const words = ['setsid', '--ctty', ...entryWords(withTerm, command)]
  const child = spawnInside(entry, words, [slave, slave, slave])
  closeSync(slave)
  const terminal = new ReadStream(pty.master)
  terminal.on('error', () => terminal.destroy()) // EIO: nobody has it open any more
  const exited = exitOf(child)
  void exited.then(() => drain([terminal]))
  return {
    stdin: terminal,
    stdout: terminal,
    exited,
    resize: (columns, rows) => {
      if (!terminal.destroyed) setWindowSize(pty.master, columns, rows)
    },
    kill: () => {
      terminal.destroy()
      hangUp(child)
    },
  }
}

function entryWords({ privileges, env, workingDir }: ContainerEntry, command: readonly string[]) {
  return [...privileges, 'env', '-i', '-C', workingDir, ...env, ...command]
}

/** A terminal is whose program runs in it, as with runc: who does not own it cannot open it anew. */
function giveToUser(terminal: number, privileges: readonly string[]): void {
  const [, user] =
    /^--reuid=(\d+)$/.exec(privileges.find((flag) => flag.startsWith('--reuid=')) ?? '') ?? []
  if (user !== undefined) fchownSync(terminal, Number(user), fstatSync(terminal).gid)
}

function spawnInside(
  { directory, main }: ContainerEntry,
  words: readonly string[],
  stdio: ('pipe' | 'ignore' | number)[],
): ChildProcess {
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--root']
  const child = spawn('nsenter', [`--target=${main.pid}`, ...namespaces, '--', ...words], {
    cwd: '/',
    stdio,
    env: { PATH: DEFAULT_PATH },
  })
  const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid)
  if (child.pid !== undefined && startTime)
    child.once('exit', recordExec(directory, { pid: child.pid, startTime }))
  return child
}

function exitOf(child: ChildProcess): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  child.once('error', () => resolve(126))
  child.once('exit', (code, signal) =>
    resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)),
  )
  return promise
}

async function drain(streams: readonly (Readable & { readonly bytesRead?: number })[]) {
  let before = -1
  const look = () => {
    const open = streams.filter((stream) => !stream.destroyed && !stream.readableEnded)
    const read = streams.reduce((sum, { bytesRead = 0 }) => sum + bytesRead, 0)
    const isQuiet = read === before && open.every(({ readableLength }) => readableLength === 0)
    before = read
    if (open.length > 0 && !isQuiet) return false
    for (const stream of open) stream.push(null)
    return true
  }
  const timer = setInterval(() => {
    if (look()) clearInterval(timer)
  }, DRAIN_MS)
  timer.unref()
}

/** As when a terminal is closed. nsenter itself passes no signals on: its child in the container is the one that is meant. */
function hangUp(child: ChildProcess): void {
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return false
    const inside = childOf(child.pid)
    try {
      if (inside === undefined) child.kill(name)
      else process.kill(-inside, name) || process.kill(inside, name)
    } catch {
      // ended meanwhile
    }
    return true
  }
  if (signal('SIGHUP')) setTimeout(() => signal('SIGKILL'), HANG_UP_GRACE_MS)
}

/** What the container's first program was started with. */
export function environmentOf({ pid }: LastingProcess): readonly string[] {
  return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
}
