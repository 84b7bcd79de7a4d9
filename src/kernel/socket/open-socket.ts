import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000

/**
 * Makes an unbound, unconnected socket inside a namespace and gives its descriptor away, non-blocking and close-on-exec, for
 * `new Socket({ fd })` or `dgramSocket.bind({ fd })`. @throws KernelError
 */
export function openSocket(netns: Netns, protocol: 'tcp' | 'udp', family: 4 | 6): number {
  const op = `open a ${protocol} socket`
  if (kernelBackend() === 'command') {
    throw new KernelError(op, 'ENOSYS', { hint: 'a socket in a network namespace needs node:ffi' })
  }
  const type = (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC
  const domain = family === 4 ? AF_INET : AF_INET6
  return checked(
    inNetns(netns, () => libc().socket(domain, type, 0)),
    op,
  )
}
