/**
 * Writes what the containers of a node say to their logs. A process of its own, one a node: it outlives agents, and containers outlive it, since
 * their pipes are held open by themselves. Argument: the folder of open logs. It ends with that folder.
 */
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  watch,
} from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { ReadStream } from 'node:tty'
import { readIfThere } from '../../../files.ts'
import { formatEntries, type LogStream, timeNow } from '../../../logs/cri-line.ts'
import { RotatingLog } from '../../../logs/log-files.ts'
import { isRunning, parseLastingProcess } from '../lasting-process.ts'
import type { OpenLog } from './open-logs.ts'

/** How soon a stream is looked at again that has ended before its container. */
const AGAIN_MS = { first: 20, most: 1000 }

/** As much as a pipe holds. */
const PIPE_BYTES = 64 * 1024

const folder = process.argv[2]!
const known = new Set<string>()
for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => {})
watch(folder, look)
look()

function look(): void {
  if (!existsSync(folder)) process.exit(0)
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.new') || known.has(name)) continue
    known.add(name)
    void writeLog(join(folder, name))
      .catch((error: NodeJS.ErrnoException) => {
        // Removed with its pod.
        if (error.code !== 'ENOENT') console.error('Cannot write a log:', name, error)
      })
      .finally(() => {
        rmSync(join(folder, name), { force: true })
        known.delete(name)
      })
  }
}

/** Resolves when the container has ended and all that it said is written. */
async function writeLog(entryPath: string): Promise<void> {
  const { directory, terminal } = JSON.parse(readFileSync(entryPath, 'utf8')) as OpenLog
  // Few containers have a terminal: the way to the C library is loaded for those.
  const duplicate =
    terminal && (await import('#kernel/process/duplicate-descriptor.ts')).duplicateDescriptor
  const openTerminal = () => {
    const fd = terminal && duplicate?.(terminal.keeper, terminal.fd)
    return fd === undefined ? undefined : new ReadStream(fd)
  }
  let log: RotatingLog | undefined
  const early: Buffer[] = []
  const append = (stream: LogStream) => (chunk: Buffer) => {
    const entries = formatEntries(chunk, stream, timeNow())
    if (log) log.append(entries)
    else early.push(entries)
  }
  const copyPipe = (stream: LogStream) => {
    const write = append(stream)
    return copyUntilEnd(() => openPipe(join(directory, stream), write), directory, write)
  }
  const copies = terminal
    ? [copyUntilEnd(openTerminal, directory, append('stdout'))]
    : [copyPipe('stdout'), copyPipe('stderr')]
  // Once it is there, the pipes are open here too: nobody else must hold them.
  log = new RotatingLog(join(directory, 'log'))
  for (const entries of early) log.append(entries)
  try {
    await Promise.all(copies)
  } finally {
    log[Symbol.dispose]()
  }
}

/** `undefined` where nobody has it open to write. The kernel tells of that by read(2) alone: poll(2) waits for a first writer. */
function openPipe(path: string, write: (chunk: Buffer) => void): Socket | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const chunk = Buffer.alloc(PIPE_BYTES)
  try {
    const length = readSync(fd, chunk)
    if (length === 0) {
      closeSync(fd)
      return undefined
    }
    write(chunk.subarray(0, length))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  return new Socket({ fd, readable: true, writable: false })
}

/** A stream that nobody has open to write may be opened again: it ends for good with its container. */
async function copyUntilEnd(
  open: () => Socket | undefined,
  directory: string,
  write: (chunk: Buffer) => void,
): Promise<void> {
  for (let waitMs = AGAIN_MS.first; ; waitMs = Math.min(2 * waitMs, AGAIN_MS.most)) {
    const wasEnded = hasEnded(directory) // asked first: what was said until then is still read
    const source = open()
    if (source) {
      const { promise, resolve } = Promise.withResolvers<void>()
      source.on('data', (chunk: Buffer) => {
        waitMs = AGAIN_MS.first
        write(chunk)
      })
      source.on('error', () => source.destroy()) // EIO: nobody has the terminal open
      source.once('close', () => resolve())
      await promise
    }
    if (wasEnded) return
    await new Promise((done) => setTimeout(done, waitMs))
  }
}

/** Its parent has written how, or has ended without a word. */
function hasEnded(directory: string): boolean {
  const exit = readIfThere(join(directory, 'exit'))
  if (exit?.endsWith('\n') || !existsSync(directory)) return true
  const recorder = parseLastingProcess(readIfThere(join(directory, 'recorder')))
  return recorder !== undefined && !isRunning(recorder)
}
