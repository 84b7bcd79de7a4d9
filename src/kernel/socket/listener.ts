import type { IP } from '#ip/ip.ts'
import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'
import { AF_INET6, addressFamily, encodeSocketAddress } from './sockaddr.ts'

export interface ListenerOptions {
  /** Where the socket lives for good; the caller's own namespace by default. */
  readonly netns?: Netns
  readonly protocol: 'tcp' | 'udp'
  /** An IPv6 address takes no IPv4 traffic. */
  readonly address: IP
  readonly port: number
  /** Lets several sockets share the port (SO_REUSEPORT). */
  readonly reuse?: boolean
}

const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const BACKLOG = 4096

/**
 * Opens a bound socket (for tcp: a listening one) inside a namespace and returns its descriptor, non-blocking and close-on-exec, for
 * `server.listen({ fd })` or `dgramSocket.bind({ fd })`. A socket stays in the namespace it was made in.
 * @throws KernelError EADDRINUSE, EADDRNOTAVAIL…
 */
export function openListener(options: ListenerOptions): number {
  const { netns, protocol, address, port } = options
  const op = `listen on ${protocol} ${address} port ${port}`
  if (kernelBackend() === 'command') {
    throw new KernelError(op, 'ENOSYS', {
      hint: 'a listener in a network namespace needs node:ffi',
    })
  }
  const type = protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM
  const open = () => libc().socket(addressFamily(address), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  const fd = checked(netns ? inNetns(netns, open) : open(), op)
  try {
    setUp(fd, options, op)
    return fd
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

function setUp(fd: number, { protocol, address, port, reuse }: ListenerOptions, op: string): void {
  const enable = (level: number, option: number) =>
    checked(libc().setsockopt(fd, level, option, ONE, ONE.length), op)
  // UDP's SO_REUSEADDR would let a second socket take the port unnoticed.
  if (protocol === 'tcp') enable(SOL_SOCKET, SO_REUSEADDR)
  if (reuse) enable(SOL_SOCKET, SO_REUSEPORT)
  if (addressFamily(address) === AF_INET6) enable(IPPROTO_IPV6, IPV6_V6ONLY)
  const socketAddress = encodeSocketAddress(address, port)
  checked(libc().bind(fd, socketAddress, socketAddress.length), op)
  if (protocol === 'tcp') checked(libc().listen(fd, BACKLOG), op)
}

const ONE = Uint8Array.of(1, 0, 0, 0)
