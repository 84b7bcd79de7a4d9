import { readdirSync, readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { kernelBackend } from '../backend.ts'
import { lastErrno, libc } from '../ffi/libc.ts'
import { asKernelError, KernelError } from '../kernel-error.ts'

/** A process held by descriptor: its pid cannot come to mean another one unnoticed. */
export interface Pidfd extends Disposable {
  readonly pid: number
  readonly fd: number
}

/** The same numbers on every architecture (include/uapi/asm-generic/unistd.h, and the x86-64 table since Linux 5.1). */
const SYS_PIDFD_SEND_SIGNAL = 424n
const SYS_PIDFD_OPEN = 434n

/** Opens a process; `undefined` where there is none. @throws KernelError ENOSYS without node:ffi */
export function openPidfd(pid: number): Pidfd | undefined {
  const op = `open process ${pid}`
  if (kernelBackend() === 'command') {
    throw new KernelError(op, 'ENOSYS', { hint: 'a pidfd needs node:ffi' })
  }
  const fd = Number(libc().syscall(SYS_PIDFD_OPEN, BigInt(pid), 0n, 0n, 0n))
  if (fd >= 0) return { pid, fd, [Symbol.dispose]: () => void libc().close(fd) }
  const errno = lastErrno()
  if (errno === 'ESRCH') return undefined
  throw new KernelError(op, errno)
}

/**
 * Signals the process `pid`; `false` where it is gone. With `startTime` (from {@link startTimeOf}) or `netnsInode` it is signalled only
 * if it is still the one that was meant, without a race: both are compared after the process is held open.
 */
export function signalProcess(
  pid: number,
  signal: NodeJS.Signals | 0,
  expected: { readonly startTime?: string; readonly netnsInode?: bigint } = {},
): boolean {
  if (kernelBackend() === 'command') return isExpected(pid, expected) && kill(pid, signal)
  using pidfd = openPidfd(pid)
  return pidfd !== undefined && isExpected(pid, expected) && signalPidfd(pidfd, signal)
}

/** As {@link signalProcess}, for a process that is held open. */
export function signalPidfd(pidfd: Pidfd, signal: NodeJS.Signals | 0): boolean {
  const number = signal === 0 ? 0n : BigInt(constants.signals[signal])
  if (libc().syscall(SYS_PIDFD_SEND_SIGNAL, BigInt(pidfd.fd), number, 0n, 0n) === 0n) return true
  const errno = lastErrno()
  if (errno === 'ESRCH') return false
  throw new KernelError(`signal process ${pidfd.pid}`, errno)
}

/**
 * When a process started, in clock ticks since boot: with the pid it names a process for good. `undefined` where there is none.
 * Field 22 of /proc/pid/stat; the name in field 2 may hold spaces and parentheses, so fields are counted after the last one.
 */
export function startTimeOf(pid: number): string | undefined {
  const stat = unlessGone(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

/** Gone, or a zombie: where nobody reaps them, as in many containers, they stay. */
export function hasEnded(pid: number): boolean {
  const status = unlessGone(() => readFileSync(`/proc/${pid}/status`, 'utf8'))
  return status === undefined || /^State:\t[ZX]/m.test(status)
}

/** The processes whose main thread is in that network namespace, by rising pid. */
export function processesIn(netnsInode: bigint): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => netnsInodeOf(pid) === netnsInode)
    .sort((a, b) => a - b)
}

function netnsInodeOf(pid: number): bigint | undefined {
  return unlessGone(() => statSync(`/proc/${pid}/ns/net`, { bigint: true }).ino)
}

function isExpected(
  pid: number,
  { startTime, netnsInode }: { readonly startTime?: string; readonly netnsInode?: bigint },
): boolean {
  if (startTime !== undefined && startTimeOf(pid) !== startTime) return false
  return netnsInode === undefined || netnsInodeOf(pid) === netnsInode
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw asKernelError(`signal process ${pid}`, error)
  }
}

/** A process may end between two looks at it (ESRCH while its file is open); a zombie has no namespace (EACCES without one, or ENOENT). */
function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return undefined
    throw error
  }
}
