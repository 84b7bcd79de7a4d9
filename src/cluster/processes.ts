import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import { inNetns, type Netns } from '#kernel/netns/netns.ts'
import { hasEnded, processesIn, startTimeOf } from '#kernel/process/process.ts'
import { writeFileAtomic } from './atomic-file.ts'
import type { Layout } from './layout.ts'

/** A daemon of a cluster. A pid alone may be another process by now: its start time (ticks since boot) tells. */
export interface ProcessRecord {
  readonly name: string
  readonly pid: number
  readonly startTime: string
}

export interface DaemonSpec {
  readonly name: string
  /** Its file in src/daemons/, or the path of a program that is not ours. */
  readonly daemon: string
  readonly args: readonly string[]
  readonly netns: Netns
  /** Descriptors that the daemon finds as 3, 4, … */
  readonly extraFDs?: readonly number[]
}

export const CONTROL_PLANE = 'control-plane'

const packageRoot = resolve(import.meta.dirname, '../..')

/** Starts a daemon of src/daemons/ inside a network namespace; it outlives us, and its output goes to the cluster's logs. */
export function spawnDaemon(
  layout: Layout,
  { name, daemon, args, netns, extraFDs = [] }: DaemonSpec,
): ProcessRecord {
  mkdirSync(layout.logDir, { recursive: true, mode: 0o700 })
  const log = openSync(join(layout.logDir, `${name}.log`), 'a', 0o600)
  try {
    const [program, ...flags] = isAbsolute(daemon)
      ? [daemon]
      : [join(packageRoot, 'bin/fairlead-node'), semiSpaceOf(name), pathOf(daemon)]
    const child = inNetns(netns, () =>
      spawn(program!, [...flags, ...args], {
        detached: true,
        stdio: ['ignore', log, log, ...extraFDs],
        cwd: '/',
        env: daemonEnvironment(name),
      }),
    )
    child.unref()
    child.on('error', () => {}) // Told by the missing pid.
    if (child.pid === undefined)
      throw new Error(`Cannot start ${name}: the process could not be made`)
    return recordProcess(layout, name, child.pid)
  } finally {
    closeSync(log)
  }
}

const pathOf = (daemon: string) => resolve(packageRoot, 'src/daemons', daemon)

/** Finds a daemon that runs without a record: `up` was killed before it could write one. @returns whether there was any */
export function adoptDaemon(layout: Layout, { name, daemon, args, netns }: DaemonSpec): boolean {
  const tail = [pathOf(daemon), ...args, ''].join('\0')
  const pid = processesIn(netns.inode).find((candidate) => commandLineOf(candidate).endsWith(tail))
  if (pid !== undefined) recordProcess(layout, name, pid)
  return pid !== undefined
}

/** The daemons that were started, dead or alive. */
export function readProcesses({ processDir }: Layout): readonly ProcessRecord[] {
  if (!existsSync(processDir)) return []
  return readdirSync(processDir)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => readRecord(join(processDir, file)) ?? [])
}

export function isAlive({ pid, startTime }: ProcessRecord): boolean {
  return startTimeOf(pid) === startTime && !hasEnded(pid)
}

/** The last lines a daemon wrote: what a person needs when it did not come up. */
export function tailLog({ logDir }: Layout, name: string, lines = 5): string {
  const path = join(logDir, `${name}.log`)
  return existsSync(path)
    ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    : ''
}

function recordProcess({ processDir }: Layout, name: string, pid: number): ProcessRecord {
  const record = { name, pid, startTime: startTimeOf(pid) ?? '' }
  writeFileAtomic(join(processDir, `${name}.json`), JSON.stringify(record))
  return record
}

/** Its words, each followed by a NUL; empty where it has ended. */
function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** `undefined` for a file that was cut off when the machine stopped: its daemon stopped with it. */
function readRecord(path: string): ProcessRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessRecord> | null
    const { name, pid, startTime } = record ?? {}
    if (typeof name !== 'string' || typeof startTime !== 'string') return undefined
    return typeof pid === 'number' && pid > 1 ? { name, pid, startTime } : undefined
  } catch {
    return undefined
  }
}

/**
 * Small heaps: the daemons hold little, and a large young generation is memory that is never given back. An API server
 * makes and drops more: with 1 MB a creation took 1,880 µs, a third of it collecting garbage; with 4 MB, 1,290 µs.
 */
const semiSpaceOf = (name: string) => `--max-semi-space-size=${name === CONTROL_PLANE ? 4 : 1}`

/**
 * Of bodies of requests, as mallopt(3) has it: from here on each has pages of its own. By default the first that is freed
 * raises the threshold, and after bodies of megabytes 45 MB of the heap stayed with the process for good.
 */
const MALLOC_MMAP_THRESHOLD_ = '262144'

/** Only what a daemon needs of the caller's environment: no secrets, no proxies. */
function daemonEnvironment(name: string): NodeJS.ProcessEnv {
  const { PATH, LANG, NODE_COMPILE_CACHE, FAIRLEAD_FFI } = process.env
  return {
    PATH: `${PATH || '/usr/local/bin:/usr/bin:/bin'}:/usr/sbin:/sbin`,
    ...(LANG && { LANG }),
    ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
    ...(FAIRLEAD_FFI && { FAIRLEAD_FFI }),
    HOME: '/nonexistent',
    UV_THREADPOOL_SIZE: '2',
    ...(name === CONTROL_PLANE && { MALLOC_MMAP_THRESHOLD_ }),
  }
}
