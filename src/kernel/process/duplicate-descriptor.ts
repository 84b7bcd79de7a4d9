import { kernelBackend } from '../backend.ts'
import { lastErrno, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { openPidfd, startTimeOf } from './process.ts'

/** Since Linux 5.6; the same number on every architecture. */
const SYS_PIDFD_GETFD = 438n

/**
 * A descriptor of another process as one of our own: of the same open file, which some (terminals) cannot be opened as anew. `undefined` where that
 * process is gone. @throws KernelError EPERM, EBADF
 */
export function duplicateDescriptor(
  { pid, startTime }: { readonly pid: number; readonly startTime: string },
  fd: number,
): number | undefined {
  const op = `duplicate descriptor ${fd} of process ${pid}`
  if (kernelBackend() === 'command') throw new KernelError(op, 'ENOSYS', { hint: 'needs node:ffi' })
  using pidfd = openPidfd(pid)
  if (!pidfd || startTimeOf(pid) !== startTime) return undefined
  const own = Number(libc().syscall(SYS_PIDFD_GETFD, BigInt(pidfd.fd), BigInt(fd), 0n, 0n))
  if (own >= 0) return own
  const errno = lastErrno()
  if (errno === 'ESRCH') return undefined
  throw new KernelError(op, errno)
}
