import { constants } from 'node:os'
import { KernelError } from '../kernel-error.ts'

type FFI = typeof import('node:ffi')

/** C prototypes, as glibc and musl have them on 64-bit Linux (`ioctl` and `syscall` with a fixed number of arguments). */
const prototypes = {
  __errno_location: { return: 'pointer', arguments: [] },
  close: { return: 'i32', arguments: ['i32'] },
  unshare: { return: 'i32', arguments: ['i32'] },
  setns: { return: 'i32', arguments: ['i32', 'i32'] },
  mount: { return: 'i32', arguments: ['string', 'string', 'string', 'u64', 'pointer'] },
  umount2: { return: 'i32', arguments: ['string', 'i32'] },
  mkfifo: { return: 'i32', arguments: ['string', 'u32'] },
  memfd_create: { return: 'i32', arguments: ['string', 'u32'] },
  flock: { return: 'i32', arguments: ['i32', 'i32'] },
  socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  setsockopt: { return: 'i32', arguments: ['i32', 'i32', 'i32', 'buffer', 'u32'] },
  connect: { return: 'i32', arguments: ['i32', 'buffer', 'u32'] },
  bind: { return: 'i32', arguments: ['i32', 'buffer', 'u32'] },
  getsockname: { return: 'i32', arguments: ['i32', 'buffer', 'buffer'] },
  listen: { return: 'i32', arguments: ['i32', 'i32'] },
  send: { return: 'i64', arguments: ['i32', 'buffer', 'u64', 'i32'] },
  recv: { return: 'i64', arguments: ['i32', 'buffer', 'u64', 'i32'] },
  sendmsg: { return: 'i64', arguments: ['i32', 'buffer', 'i32'] },
  recvmsg: { return: 'i64', arguments: ['i32', 'buffer', 'i32'] },
  read: { return: 'i64', arguments: ['i32', 'buffer', 'u64'] },
  write: { return: 'i64', arguments: ['i32', 'buffer', 'u64'] },
  poll: { return: 'i32', arguments: ['buffer', 'u64', 'i32'] },
  eventfd: { return: 'i32', arguments: ['u32', 'i32'] },
  ioctl: { return: 'i32', arguments: ['i32', 'u64', 'buffer'] },
  syscall: { return: 'i64', arguments: ['i64', 'i64', 'i64', 'i64', 'i64'] },
} as const

export type Libc = ReturnType<typeof load>['functions']

let loaded: ReturnType<typeof load> | undefined

/** The C library of this process, bound at first use. Call only where {@link kernelBackend} says `ffi`. */
export function libc(): Libc {
  loaded ??= load()
  return loaded.functions
}

export function ffi(): FFI {
  const module = process.getBuiltinModule('node:ffi')
  if (!module) throw new KernelError('load node:ffi', 'ENOSYS', { hint: 'this Node has none' })
  return module as FFI
}

function load() {
  // `null` is the running program itself: Node is linked to libc, so no library name is guessed.
  return ffi().dlopen(null, prototypes)
}

/** The error of the last failed call. Ask at once: any other call may overwrite it. */
export function lastErrno(): string {
  return errnoName(ffi().getInt32(libc().__errno_location()))
}

/** Without the second names of EAGAIN and EOPNOTSUPP. */
const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, errno]) => [errno, name]),
)

/** `2` is `ENOENT`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? OTHER_ERRNOS[errno] ?? `errno ${errno}`
}

/** Linux's own numbers that node:os leaves out (include/uapi/asm-generic/errno.h). */
const OTHER_ERRNOS: Readonly<Record<number, string>> = {
  49: 'EUNATCH',
  56: 'EBADRQC',
  64: 'ENONET',
  67: 'ENOLINK',
  117: 'EUCLEAN',
}

/** Passes on what a call returned. @throws KernelError where that is negative */
export function checked<T extends number | bigint>(result: T, op: string): T {
  if (result < 0) throw new KernelError(op, lastErrno())
  return result
}

/** As {@link checked}, but calls again when a signal interrupted the call. */
export function retrying<T extends number | bigint>(call: () => T, op: string): T {
  for (;;) {
    const result = call()
    if (result >= 0) return result
    const errno = lastErrno()
    if (errno !== 'EINTR') throw new KernelError(op, errno)
  }
}
