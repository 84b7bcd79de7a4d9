/** A container's standard streams: named pipes beside its files, or a terminal. Nothing of them is the agent's. */
import { spawn } from 'node:child_process'
import { closeSync, constants, existsSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { makeFIFO } from '#kernel/fifo/make-fifo.ts'
import { signalProcess, startTimeOf } from '#kernel/process/process.ts'
import { openPty } from '#kernel/pty/pty.ts'
import { readIfThere, writeAtomically } from '../../files.ts'
import type { ContainerConfig } from '../runtime.ts'
import { type LastingProcess, parseLastingProcess } from './lasting-process.ts'
import type { HeldTerminal } from './logs/open-logs.ts'
import { DEFAULT_PATH } from './render-script.ts'

const { O_NONBLOCK, O_RDWR, O_WRONLY } = constants
/** Where the keeper has what it keeps. */
const KEPT_FD = 3
const HOLD_LOOK_MS = 25
const HOLD_MS = 30_000

/** Before the container's start. Only what is inside reaches these pipes, whoever it runs as. */
export function makeStreams(
  directory: string,
  { stdin, tty }: Pick<ContainerConfig, 'stdin' | 'tty'>,
): void {
  const names = tty ? ['console'] : ['stdout', 'stderr', ...(stdin ? ['stdin'] : [])]
  for (const name of names) makeFIFO(join(directory, name), 0o666)
  if (tty) return
  if (stdin) keepStdin(directory)
  holdUntilRead(directory)
}

/** The input stays open between one client and the next. */
function keepStdin(directory: string): void {
  const path = join(directory, 'stdin')
  const both = openSync(path, O_RDWR | O_NONBLOCK) // else nobody could open it to write
  const end = openSync(path, O_WRONLY | O_NONBLOCK)
  keep(directory, end)
  closeSync(end)
  closeSync(both)
}

/** What is said is not lost before the log writer has come. */
function holdUntilRead(directory: string): void {
  const held = ['stdout', 'stderr'].map((name) =>
    openSync(join(directory, name), O_RDWR | O_NONBLOCK),
  )
  const begun = performance.now()
  const timer = setInterval(() => {
    const isRead = existsSync(join(directory, 'log'))
    const isRunning = ['started', 'exit'].some((name) => readIfThere(join(directory, name)))
    if (!(isRead && isRunning) && existsSync(directory) && performance.now() - begun < HOLD_MS)
      return
    clearInterval(timer)
    for (const fd of held) closeSync(fd)
  }, HOLD_LOOK_MS)
}

/** Makes the terminal that a container asks for while it is set up; `undefined` where it does not. */
export function answerTerminalRequest(directory: string): HeldTerminal | undefined {
  const asking = parseLastingProcess(readIfThere(join(directory, 'terminal')))
  if (!asking || existsSync(join(directory, 'keeper'))) return undefined
  using pty = openPty(`/proc/${asking.pid}/root/dev/pts/ptmx`)
  const keeper = keep(directory, pty.master)
  const fd = openSync(join(directory, 'console'), O_RDWR | O_NONBLOCK)
  writeSync(fd, `${pty.slavePath.split('/').at(-1)}\n`)
  // The container has it open too: what was written stays.
  closeSync(fd)
  return { keeper, fd: KEPT_FD }
}

/** A process that does nothing but hold a descriptor open, until the container's parent ends it. */
function keep(directory: string, fd: number): LastingProcess {
  const child = spawn('sleep', ['infinity'], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', fd],
    env: { PATH: DEFAULT_PATH },
  })
  child.on('error', () => {})
  child.unref()
  const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid)
  if (child.pid === undefined || !startTime)
    throw new Error('Cannot start the process that keeps a stream open')
  const keeper = { pid: child.pid, startTime }
  writeAtomically(join(directory, 'keeper'), `${keeper.pid} ${startTime}\n`)
  return keeper
}

export function readTerminal(directory: string): HeldTerminal | undefined {
  const keeper = parseLastingProcess(readIfThere(join(directory, 'keeper')))
  return keeper && { keeper, fd: KEPT_FD }
}

/** Ends the input of a container, or what is left of its terminal. */
export function endKeeper(directory: string): void {
  const keeper = parseLastingProcess(readIfThere(join(directory, 'keeper')))
  if (!keeper) return
  rmSync(join(directory, 'keeper'), { force: true })
  signalProcess(keeper.pid, 'SIGKILL', { startTime: keeper.startTime })
}
