import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough, type Writable } from 'node:stream'
import { WriteStream } from 'node:tty'
import { duplicateDescriptor } from '#kernel/process/duplicate-descriptor.ts'
import { setWindowSize } from '#kernel/pty/pty.ts'
import { endOfLog, type LogSource, readEntries } from '../../logs/read-entries.ts'
import type { ExecSession } from '../runtime.ts'
import type { ContainerFile } from './container-files.ts'
import { endKeeper, readTerminal } from './streams.ts'

const NEWLINE = Buffer.from('\n')

/** Output is read from the log, which has it exactly, each piece when it was said; input goes to the container's own pipe or terminal. */
export function startAttach(
  directory: string,
  { stdin, stdinOnce, tty }: ContainerFile,
  log: LogSource & Disposable,
): ExecSession {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const gone = new AbortController()
  const exited = follow(log, { stdout, stderr }, gone.signal).finally(() => {
    log[Symbol.dispose]()
    stdout.end()
    stderr.end()
    input?.stream.destroy()
  })
  const input = tty ? openTerminal(directory) : stdin ? openStdin(directory) : undefined
  if (input && !tty && stdinOnce) input.stream.once('close', () => endKeeper(directory))
  return {
    // Without `stdin` a terminal still has a size, but takes no input.
    ...(input && stdin ? { stdin: input.stream } : {}),
    stdout,
    stderr,
    exited,
    resize: (columns, rows) => {
      if (tty && input && !input.stream.destroyed) setWindowSize(input.fd, columns, rows)
    },
    kill: () => gone.abort(),
  }
}

async function follow(
  log: LogSource,
  outputs: { readonly stdout: PassThrough; readonly stderr: PassThrough },
  signal: AbortSignal,
): Promise<number> {
  const wake = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => wake.resolve(), { once: true })
  // Found before any input is passed on, whose answer is to be seen.
  const from = endOfLog(log.path)
  const source = { ...log, news: () => Promise.race([log.news(), wake.promise]) }
  for await (const { stream, text, isPartial } of readEntries(source, from, true, signal)) {
    const output = outputs[stream]
    const hasRoom = output.write(isPartial ? text : Buffer.concat([text, NEWLINE]))
    if (!hasRoom)
      await Promise.race([new Promise((done) => output.once('drain', done)), wake.promise])
  }
  return 0 // how the container ended is in the pod's status
}

interface Input {
  readonly stream: Writable
  readonly fd: number
}

function openStdin(directory: string): Input | undefined {
  try {
    const fd = openSync(join(directory, 'stdin'), constants.O_WRONLY | constants.O_NONBLOCK)
    return { fd, stream: new Socket({ fd, readable: false, writable: true }) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return undefined // it has closed its input
    throw error
  }
}

function openTerminal(directory: string): Input | undefined {
  const terminal = readTerminal(directory)
  const fd = terminal && duplicateDescriptor(terminal.keeper, terminal.fd)
  return fd === undefined ? undefined : { fd, stream: new WriteStream(fd) }
}
