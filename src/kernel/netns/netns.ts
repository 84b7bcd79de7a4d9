import { closeSync, fstatSync, openSync, statfsSync, unlinkSync } from 'node:fs'
import { kernelBackend } from '../backend.ts'
import { asKernelError, KernelError } from '../kernel-error.ts'
import { createByCommand, unbindByCommand } from './command-netns.ts'
import { createBySystemCalls, runInside, unbindBySystemCall } from './system-call-netns.ts'

/**
 * A network namespace that is held open: `fd` names it to setns(2) and netlink, `inode` tells whether two are the same.
 */
export interface Netns extends Disposable {
  readonly path: string
  readonly fd: number
  readonly inode: bigint
}

/** NSFS_MAGIC in include/uapi/linux/magic.h: what statfs(2) says of a namespace file. */
const NSFS_MAGIC = 0x6e736673

/** Opens the namespace bound at `path`. @throws KernelError ENOENT, or EINVAL where the file is no namespace */
export function openNetns(path: string): Netns {
  try {
    if (!isNamespace(path)) {
      throw new KernelError(`open network namespace ${path}`, 'EINVAL', {
        hint: 'a plain file: its namespace is gone',
      })
    }
    return holdNetns(openSync(path, 'r'), path)
  } catch (error) {
    throw asKernelError(`open network namespace ${path}`, error)
  }
}

/**
 * Makes a namespace and binds it to `path`, whose parent folder exists. Everything in it is as the kernel makes it: `lo` is down.
 * A file left there by a crash (no namespace behind it) is taken over. @throws KernelError EEXIST
 */
export function createNetns(path: string): Netns {
  if (isNamespace(path)) throw new KernelError(`create network namespace ${path}`, 'EEXIST')
  try {
    closeSync(openSync(path, 'a', 0o444))
  } catch (error) {
    throw asKernelError(`create network namespace ${path}`, error)
  }
  if (kernelBackend() === 'ffi') createBySystemCalls(path)
  else createByCommand(path)
  return openNetns(path)
}

/**
 * Unbinds and removes `path`; `false` where there was nothing. Takes stale files and paths that are bound more than once.
 * The namespace itself lives on while a process or descriptor holds it.
 */
export function deleteNetns(path: string): boolean {
  const unbind = kernelBackend() === 'ffi' ? unbindBySystemCall : unbindByCommand
  while (isNamespace(path)) unbind(path)
  try {
    unlinkSync(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw asKernelError(`delete network namespace ${path}`, error)
  }
}

/** The namespace that this thread is in now. */
export function currentNetns(): Netns {
  const fd = openSync('/proc/thread-self/ns/net', 'r')
  // Not `/proc/thread-self/…`, which would mean something else to the process that is given the path.
  return holdNetns(fd, `/proc/${process.pid}/fd/${fd}`)
}

/**
 * Runs `fn` with this thread inside `netns`, then returns. Synchronous only: Node opens the sockets of `net`, `http` and `dgram` on
 * a later tick, back in the old namespace. What is safe inside: spawn, `fs.*Sync` on /proc, system calls.
 */
export function inNetns<T>(netns: Netns, fn: () => T): T {
  if (kernelBackend() === 'ffi') return runInside(netns, fn)
  using current = currentNetns()
  if (current.inode === netns.inode) return fn()
  throw new KernelError(`enter network namespace ${netns.path}`, 'ENOSYS', {
    hint: 'this needs node:ffi; spawn a process with nsenter instead',
  })
}

function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw asKernelError(`look at ${path}`, error)
  }
}

function holdNetns(fd: number, path: string): Netns {
  let open = true
  return {
    path,
    fd,
    inode: fstatSync(fd, { bigint: true }).ino,
    [Symbol.dispose]() {
      if (open) closeSync(fd)
      open = false
    },
  }
}
