import { ip } from '#ip/ip.ts'
import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'
import { encodeSocketAddress } from './sockaddr.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000

/**
 * Makes an unconnected socket inside a namespace and gives its descriptor away, non-blocking and close-on-exec, for `new Socket({ fd })` or
 * `dgramSocket.bind({ fd })`. A datagram socket has a free port already: Node sets SO_REUSEADDR on what it is given, with which the kernel
 * would choose one that another such socket has, and its answers would go to one of both. @throws KernelError
 */
export function openSocket(netns: Netns, protocol: 'tcp' | 'udp', family: 4 | 6): number {
  const op = `open a ${protocol} socket`
  if (kernelBackend() === 'command') {
    throw new KernelError(op, 'ENOSYS', { hint: 'a socket in a network namespace needs node:ffi' })
  }
  const type = (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC
  const domain = family === 4 ? AF_INET : AF_INET6
  const fd = checked(
    inNetns(netns, () => libc().socket(domain, type, 0)),
    op,
  )
  if (protocol === 'tcp') return fd
  try {
    const anyPort = encodeSocketAddress(ip(family === 4 ? '0.0.0.0' : '::'), 0)
    checked(libc().bind(fd, anyPort, anyPort.length), op)
    return fd
  } catch (error) {
    libc().close(fd)
    throw error
  }
}
