/** Which commands run in a container besides its own, so that an agent that comes back ends those whose client is gone. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signalProcess } from '#kernel/process/process.ts'
import { isRunning, type LastingProcess, parseLastingProcess } from './lasting-process.ts'

const folderOf = (directory: string) => join(directory, 'execs')

/** Remembers a process that waits for a command, until the result is called. */
export function recordExec(directory: string, { pid, startTime }: LastingProcess): () => void {
  const path = join(folderOf(directory), String(pid))
  mkdirSync(folderOf(directory), { recursive: true, mode: 0o700 })
  writeFileSync(path, `${pid} ${startTime}\n`, { mode: 0o600 })
  return () => rmSync(path, { force: true })
}

/** Ends what is left of commands that an agent before this one has started, each with its process group. */
export function endLeftExecs(directory: string): void {
  for (const name of listNames(folderOf(directory))) {
    const path = join(folderOf(directory), name)
    const waiting = parseLastingProcess(readFileSync(path, 'utf8'))
    if (waiting && isRunning(waiting)) {
      const inside = childOf(waiting.pid)
      if (inside !== undefined) killGroup(inside)
      signalProcess(waiting.pid, 'SIGKILL', { startTime: waiting.startTime })
    }
    rmSync(path, { force: true })
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended, or leads no group yet
  }
}

/** nsenter's child in the container. */
export function childOf(pid: number | undefined): number | undefined {
  try {
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]
    return child ? Number(child) : undefined
  } catch {
    return undefined
  }
}

function listNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // nobody has run anything
  }
}
