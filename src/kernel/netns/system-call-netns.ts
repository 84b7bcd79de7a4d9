import { openSync, unlinkSync } from 'node:fs'
import { checked, libc } from '../ffi/libc.ts'
import type { Netns } from './netns.ts'

const CLONE_NEWNET = 0x40000000
const MS_BIND = 0x1000n
const MNT_DETACH = 2

/** The namespace that this thread is in, as a descriptor. Undefined until the first excursion: then it is where the thread was born. */
let here: number | undefined

/** Runs `fn` with this thread inside `netns`. Nests. */
export function runInside<T>(netns: Pick<Netns, 'fd' | 'path'>, fn: () => T): T {
  const outer = hereFd()
  const op = `enter network namespace ${netns.path}`
  checked(libc().setns(netns.fd, CLONE_NEWNET), op)
  here = netns.fd
  let result: T
  try {
    result = fn()
  } finally {
    goBack(outer)
  }
  if (result instanceof Promise) {
    throw new TypeError(`Cannot wait inside ${netns.path}: what runs there must be synchronous`)
  }
  return result
}

/** Binds a new namespace to the existing file `path`. */
export function createBySystemCalls(path: string): void {
  const outer = hereFd()
  const op = `create network namespace ${path}`
  try {
    checked(libc().unshare(CLONE_NEWNET), op)
    try {
      checked(libc().mount('/proc/thread-self/ns/net', path, 'none', MS_BIND, null), op)
    } finally {
      goBack(outer)
    }
  } catch (error) {
    unlinkSync(path)
    throw error
  }
}

/** Whoever holds the namespace keeps it: the path is detached, not waited for. */
export function unbindBySystemCall(path: string): void {
  checked(libc().umount2(path, MNT_DETACH), `delete network namespace ${path}`)
}

function hereFd(): number {
  here ??= openSync('/proc/thread-self/ns/net', 'r')
  return here
}

/** Where this fails the thread would go on in a namespace that is not its own: the error must end the program. */
function goBack(outer: number): void {
  checked(libc().setns(outer, CLONE_NEWNET), 'return to the own network namespace')
  here = outer
}
