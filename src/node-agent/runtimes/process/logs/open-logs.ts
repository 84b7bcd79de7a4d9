import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startTimeOf } from '#kernel/process/process.ts'
import { readIfThere, writeAtomically } from '../../../files.ts'
import type { ContainerRef } from '../../runtime.ts'
import { isRunning, type LastingProcess, parseLastingProcess } from '../lasting-process.ts'

/** One container whose output is to be written to its log: a file of the folder that the log writer watches. */
export interface OpenLog {
  /** The attempt's, with the pipes `stdout` and `stderr` in it. */
  readonly directory: string
  /** Where the output is a terminal's instead. */
  readonly terminal?: HeldTerminal
}

/** A terminal's master, held open by a process that does nothing else. */
export interface HeldTerminal {
  readonly keeper: LastingProcess
  readonly fd: number
}

const LOOK_MS = 2000

/** The agent's side of the log writer: a process of its own, since containers write while no agent runs. */
export class OpenLogs implements Disposable {
  readonly #folder: string
  readonly #pidFile: string
  readonly #packageRoot: string
  readonly #timer: NodeJS.Timeout
  #child: ChildProcess | undefined

  constructor(rootDir: string, packageRoot: string) {
    this.#folder = join(rootDir, 'open-logs')
    this.#pidFile = join(rootDir, 'log-writer')
    this.#packageRoot = packageRoot
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    // Containers stand still when their pipes are full: a log writer that was killed is started anew.
    this.#timer = setInterval(() => this.#ensureWriter(), LOOK_MS)
    this.#timer.unref()
    this.#ensureWriter()
  }

  add(container: ContainerRef, log: OpenLog): void {
    writeAtomically(this.#path(container), JSON.stringify(log))
    this.#ensureWriter()
  }

  has(container: ContainerRef): boolean {
    return existsSync(this.#path(container))
  }

  remove(container: ContainerRef): void {
    rmSync(this.#path(container), { force: true })
  }

  /** The log writer lives on. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #path({ podUID, name, attempt }: ContainerRef): string {
    return join(this.#folder, `${podUID}.${name}.${attempt}`)
  }

  #ensureWriter(): void {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) return
    const known = parseLastingProcess(readIfThere(this.#pidFile))
    if (known && isRunning(known)) return
    const child = spawn(
      join(this.#packageRoot, 'bin/fairlead-node'),
      [
        '--max-old-space-size=32',
        '--max-semi-space-size=1',
        join(import.meta.dirname, 'log-writer.ts'),
        this.#folder,
      ],
      { detached: true, cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] },
    )
    child.on('error', () => {}) // tried again at the next look
    child.unref()
    this.#child = child
    const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid)
    if (startTime) writeAtomically(this.#pidFile, `${child.pid} ${startTime}\n`)
  }
}
