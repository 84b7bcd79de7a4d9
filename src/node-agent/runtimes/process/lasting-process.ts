import { readFileSync } from 'node:fs'

/** A process named for good, also across a restart of the agent: pids come round again, start times do not. */
export interface LastingProcess {
  readonly pid: number
  /** Field 22 of /proc/pid/stat. */
  readonly startTime: string
}

/** Reads `pid startTime`, one complete line; `undefined` for anything else. */
export function parseLastingProcess(text: string | undefined): LastingProcess | undefined {
  const match = /^(\d+) (\d+)\n$/.exec(text ?? '')
  return match ? { pid: Number(match[1]), startTime: match[2]! } : undefined
}

/** A zombie has ended, it only waits to be collected. */
export function isRunning(process: LastingProcess): boolean {
  try {
    const stat = readFileSync(`/proc/${process.pid}/stat`, 'utf8')
    // The name in field 2 may hold spaces and parentheses: count from its end, where field 3, the state, begins.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[19] === process.startTime && fields[0] !== 'Z' && fields[0] !== 'X'
  } catch {
    return false
  }
}
