import { decodeMessages, type Message } from '#wire/netlink/message.ts'
import { checked, lastErrno, libc, retrying } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

/** A socket of NETLINK_NETFILTER, which talks to the namespace where it was opened. */
export interface NetfilterSocket {
  readonly fd: number
  /** The port that the kernel gave it. */
  readonly portID: number
  /** The messages of one datagram, which are copies. @throws KernelError */
  receive(op: string): readonly Message[]
  /** As {@link receive}; `undefined` where nothing is waiting. @throws KernelError ENOBUFS where some were lost */
  receiveWaiting(op: string): Uint8Array | undefined
  close(): void
}

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const NETLINK_NETFILTER = 12
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const SOL_NETLINK = 270
const NETLINK_ADD_MEMBERSHIP = 1
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const MSG_DONTWAIT = 0x40
/** NLMSG_GOODSIZE at most, and what a dump fills. */
const DATAGRAM_BYTES = 64 * 1024
/** The kernel answers within the send; this only turns a hang into an error. */
const RECEIVE_TIMEOUT_SECONDS = 10

let datagram: Buffer | undefined

/** @param group the multicast group to hear */
export function openNetfilterSocket(netns?: Netns, group?: number): NetfilterSocket {
  const open = () => libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)
  const fd = checked(netns ? inNetns(netns, open) : open(), 'open nfnetlink')
  const set = (level: number, option: number, value: Uint8Array) =>
    checked(libc().setsockopt(fd, level, option, value, value.length), 'set up nfnetlink')
  set(SOL_NETLINK, NETLINK_EXT_ACK, Uint8Array.of(1, 0, 0, 0))
  set(SOL_NETLINK, NETLINK_CAP_ACK, Uint8Array.of(1, 0, 0, 0))
  const timeval = new BigInt64Array([BigInt(RECEIVE_TIMEOUT_SECONDS), 0n])
  set(SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer))
  const portID = bindToPort(fd)
  if (group !== undefined) set(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, Uint8Array.of(group, 0, 0, 0))
  datagram ??= Buffer.alloc(DATAGRAM_BYTES)
  const buffer = datagram
  return {
    fd,
    portID,
    receive(op) {
      const length = retrying(() => libc().recv(fd, buffer, BigInt(buffer.length), 0), op)
      return decodeMessages(Buffer.from(buffer.subarray(0, Number(length))))
    },
    receiveWaiting(op) {
      const length = libc().recv(fd, buffer, BigInt(buffer.length), MSG_DONTWAIT)
      if (length >= 0n) return buffer.subarray(0, Number(length))
      const errno = lastErrno()
      if (errno === 'EAGAIN' || errno === 'EINTR') return
      throw new KernelError(op, errno)
    },
    close: () => void libc().close(fd),
  }
}

/** Binds to a port that the kernel chooses. */
function bindToPort(fd: number): number {
  const address = new Uint8Array(12)
  address[0] = AF_NETLINK
  checked(libc().bind(fd, address, address.length), 'bind nfnetlink')
  const length = Uint8Array.of(address.length, 0, 0, 0)
  checked(libc().getsockname(fd, address, length), 'bind nfnetlink')
  return Buffer.from(address.buffer).readUInt32LE(4)
}

export function setBufferBytes(fd: number, which: 'send' | 'receive', bytes: number): void {
  const value = new Uint8Array(new Uint32Array([bytes]).buffer)
  const option = which === 'send' ? SO_SNDBUFFORCE : SO_RCVBUFFORCE
  checked(libc().setsockopt(fd, SOL_SOCKET, option, value, 4), 'set up nfnetlink')
}
