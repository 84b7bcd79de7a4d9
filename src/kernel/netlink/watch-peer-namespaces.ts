import { spawn } from 'node:child_process'
import { RTM_DELADDR, RTM_NEWADDR } from '#wire/netlink/address.ts'
import { RTM_DELLINK, RTM_NEWLINK } from '#wire/netlink/link.ts'
import { decodeMessages } from '#wire/netlink/message.ts'
import { RTM_DELROUTE, RTM_NEWROUTE } from '#wire/netlink/route.ts'
import { kernelBackend } from '../backend.ts'
import { checked, ffi, lastErrno, libc } from '../ffi/libc.ts'
import { onReadable } from '../ffi/on-readable.ts'
import { KernelError } from '../kernel-error.ts'
import { enterArgv } from '../netns/command-netns.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

/**
 * Calls back on each change of links, addresses and routes in the namespaces that have a cable into `netns` (by default the caller's):
 * with the namespace's number in it ({@link Link.peerNetnsID}), or without one where more happened than could be told. One
 * socket hears them all (netlink(7), NETLINK_LISTEN_ALL_NSID). @throws KernelError
 */
export function watchPeerNamespaces(
  changed: (netnsID: number | undefined) => void,
  netns?: Netns,
): Disposable {
  return kernelBackend() === 'ffi' ? watchBySocket(changed, netns) : watchByMonitor(changed, netns)
}

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const NETLINK_ROUTE = 0
const SOL_NETLINK = 270
const NETLINK_LISTEN_ALL_NSID = 8
/** RTNLGRP_* of link, IPv4 and IPv6 addresses and routes, a bit each. */
const GROUPS = [1, 5, 7, 9, 11].reduce((mask, group) => mask | (1 << (group - 1)), 0)
const TYPES = [RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE]

function watchBySocket(
  changed: (netnsID: number | undefined) => void,
  netns: Netns | undefined,
): Disposable {
  const op = 'watch the namespaces at the other ends'
  const open = () =>
    libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)
  const fd = checked(netns ? inNetns(netns, open) : open(), op)
  const stack = new DisposableStack()
  stack.defer(() => libc().close(fd))
  try {
    const on = Uint8Array.of(1, 0, 0, 0)
    checked(libc().setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, on, on.length), op)
    const address = Buffer.alloc(12) // `struct sockaddr_nl`
    address.writeUInt16LE(AF_NETLINK)
    address.writeUInt32LE(GROUPS, 8)
    checked(libc().bind(fd, address, address.length), op)
    const receiver = createReceiver(fd)
    stack.use(onReadable(fd, () => receiveAll(receiver, changed, op)))
    return stack
  } catch (error) {
    stack.dispose()
    throw error
  }
}

function receiveAll(
  receiver: ReturnType<typeof createReceiver>,
  changed: (netnsID: number | undefined) => void,
  op: string,
): void {
  for (;;) {
    const length = receiver.receive()
    if (length >= 0) {
      // Of the own namespace come without a number.
      const netnsID = receiver.netnsID()
      if (netnsID === undefined) continue
      if (decodeMessages(receiver.bytes(length)).some(({ type }) => TYPES.includes(type)))
        changed(netnsID)
      continue
    }
    const errno = lastErrno()
    if (errno === 'EINTR') continue
    if (errno === 'EAGAIN') return
    if (errno !== 'ENOBUFS') throw new KernelError(op, errno)
    changed(undefined)
  }
}

/** `struct msghdr` (56 bytes), its `iovec` (16), and one control message: a header of 16 bytes and an int. */
const AT = { message: 0, vector: 64, control: 96 } as const
const CONTROL_BYTES = 24
const RECEIVE_BYTES = 64 * 1024

function createReceiver(fd: number) {
  // Outside of JavaScript's heap: it does not move.
  const [scratch, buffer] = [
    Buffer.allocUnsafeSlow(128).fill(0),
    Buffer.allocUnsafeSlow(RECEIVE_BYTES),
  ]
  const base = ffi().getRawPointer(scratch)
  scratch.writeBigUInt64LE(base + BigInt(AT.vector), AT.message + 16)
  scratch.writeBigUInt64LE(1n, AT.message + 24)
  scratch.writeBigUInt64LE(base + BigInt(AT.control), AT.message + 32)
  scratch.writeBigUInt64LE(ffi().getRawPointer(buffer), AT.vector)
  scratch.writeBigUInt64LE(BigInt(buffer.length), AT.vector + 8)
  const header = scratch.subarray(AT.message, AT.message + 56)
  return {
    receive(): number {
      scratch.fill(0, AT.control, AT.control + CONTROL_BYTES)
      scratch.writeBigUInt64LE(BigInt(CONTROL_BYTES), AT.message + 40)
      return Number(libc().recvmsg(fd, header, 0))
    },
    bytes: (length: number) => new Uint8Array(buffer.subarray(0, length)),
    netnsID(): number | undefined {
      const isTold =
        scratch.readInt32LE(AT.control + 8) === SOL_NETLINK &&
        scratch.readInt32LE(AT.control + 12) === NETLINK_LISTEN_ALL_NSID
      return isTold ? scratch.readInt32LE(AT.control + 16) : undefined
    },
  }
}

/** ip(8) says of each line where it is from; any of them may be about every namespace. */
function watchByMonitor(
  changed: (netnsID: number | undefined) => void,
  netns: Netns | undefined,
): Disposable {
  const argv = [...enterArgv(netns), 'ip', 'monitor', 'all-nsid', 'link', 'address', 'route']
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] })
  child.on('error', () => {})
  child.stdout.on('data', () => changed(undefined))
  return { [Symbol.dispose]: () => void child.kill('SIGTERM') }
}
