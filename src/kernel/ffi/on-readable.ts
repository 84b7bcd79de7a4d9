import { checked, libc } from './libc.ts'

/*
 * Readiness of descriptors that Node's event loop does not take (netlink sockets): the kernel sends this process SIGIO when there is
 * something to read (socket(7), "O_ASYNC"), and costs nothing otherwise: no thread that waits, no timer that looks.
 */

const FIOSETOWN = 0x8901n
const FIOASYNC = 0x5452n

const readers = new Set<() => void>()
/** For good: without a listener the signal ends the process, and one may be under way. */
let isListening = false

function readAll(): void {
  // The signal does not say which descriptor it is about, and one signal may stand for several events.
  for (const read of [...readers]) read()
}

/**
 * Calls `read` after bytes came in on `fd`, which must be non-blocking: it reads until there is no more. It may be called for nothing.
 * Dispose it before the descriptor is closed.
 */
export function onReadable(fd: number, read: () => void): Disposable {
  if (!isListening) process.on('SIGIO', readAll)
  isListening = true
  readers.add(read)
  set(fd, FIOSETOWN, process.pid)
  set(fd, FIOASYNC, 1)
  return {
    [Symbol.dispose]() {
      if (!readers.delete(read)) return
      set(fd, FIOASYNC, 0)
    },
  }
}

function set(fd: number, request: bigint, value: number): void {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  checked(libc().ioctl(fd, request, bytes), 'ask for signals of a descriptor')
}
