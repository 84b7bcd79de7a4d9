import { closeSync, openSync } from 'node:fs'
import { kernelBackend } from '../backend.ts'
import { runCommand } from '../command/run-command.ts'
import { lastErrno, libc } from '../ffi/libc.ts'
import { asKernelError, KernelError } from '../kernel-error.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Takes the exclusive flock(2) of the file `path`, which is made if missing; `undefined` where somebody holds it. Disposing lets go,
 * and so does the end of the process, however it comes. The file stays: removing it would let two owners lock two files.
 */
export function tryLock(path: string): Disposable | undefined {
  const fd = openLockFile(path)
  try {
    const locked = kernelBackend() === 'ffi' ? lockBySystemCall(fd, path) : lockByCommand(fd, path)
    if (locked) return { [Symbol.dispose]: () => closeSync(fd) }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return undefined
}

function openLockFile(path: string): number {
  try {
    return openSync(path, 'a', 0o600)
  } catch (error) {
    throw asKernelError(`open lock file ${path}`, error)
  }
}

function lockBySystemCall(fd: number, path: string): boolean {
  if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) return true
  const errno = lastErrno()
  if (errno === 'EAGAIN') return false
  throw new KernelError(`lock ${path}`, errno)
}

/** flock(1) locks the open file that it inherits, which is ours too: the lock outlives the command. */
function lockByCommand(fd: number, path: string): boolean {
  const { status, stderr } = runCommand(['flock', '--nonblock', '3'], {
    mayFail: true,
    descriptors: [fd],
  })
  if (status > 1) throw new KernelError(`lock ${path}`, 'EINVAL', { hint: stderr.trim() })
  return status === 0
}
