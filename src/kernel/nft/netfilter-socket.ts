import { decodeAcknowledgement } from '#wire/netlink/acknowledgement.ts'
import {
  decodeMessages,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '#wire/netlink/message.ts'
import { createMessageWriter, type MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import { checked, errnoName, lastErrno, libc, retrying } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

/** A socket of NETLINK_NETFILTER, which talks to the namespace where it was opened. */
export interface NetfilterSocket {
  readonly fd: number
  /** The port that the kernel gave it. */
  readonly portID: number
  send(op: string, bytes: Uint8Array): void
  /** The messages of one datagram, which are copies. @throws KernelError */
  receive(op: string): readonly Message[]
  /** One message that asks for its acknowledgement. `write` leaves it open. @throws KernelError */
  request(op: string, write: (writer: MessageWriter) => void): void
  /** The bodies of all answers to a request for a dump, `struct nfgenmsg` first. `write` leaves it open. @throws KernelError */
  dump(op: string, write: NetfilterDump): readonly Uint8Array[]
  /** As {@link dump}, of a request that is answered by a message. */
  get(op: string, write: NetfilterDump): readonly Uint8Array[]
  /** As {@link receive}; `undefined` where nothing is waiting. @throws KernelError ENOBUFS where some were lost */
  receiveWaiting(op: string): Uint8Array | undefined
  /** Hears a multicast group from now on, or not any more. */
  setMember(group: number, isMember: boolean): void
  close(): void
}

export type NetfilterDump = (writer: MessageWriter, flags: number) => void

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
const NETLINK_DROP_MEMBERSHIP = 2
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const MSG_DONTWAIT = 0x40
/** NLMSG_GOODSIZE at most, and what a dump fills. */
const DATAGRAM_BYTES = 64 * 1024
/** The kernel answers within the send; this only turns a hang into an error. */
const RECEIVE_TIMEOUT_SECONDS = 10

const DUMP_ATTEMPTS = 20

let datagram: Buffer | undefined

export function openNetfilterSocket(netns?: Netns): NetfilterSocket {
  const open = () => libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)
  const fd = checked(netns ? inNetns(netns, open) : open(), 'open nfnetlink')
  const set = (level: number, option: number, value: Uint8Array) =>
    checked(libc().setsockopt(fd, level, option, value, value.length), 'set up nfnetlink')
  set(SOL_NETLINK, NETLINK_EXT_ACK, Uint8Array.of(1, 0, 0, 0))
  set(SOL_NETLINK, NETLINK_CAP_ACK, Uint8Array.of(1, 0, 0, 0))
  const timeval = new BigInt64Array([BigInt(RECEIVE_TIMEOUT_SECONDS), 0n])
  set(SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer))
  const portID = bindToPort(fd)
  datagram ??= Buffer.alloc(DATAGRAM_BYTES)
  const buffer = datagram
  let sequence = 1

  const send = (op: string, bytes: Uint8Array) => {
    retrying(() => libc().send(fd, bytes, BigInt(bytes.length), 0), op)
  }
  const receive = (op: string): readonly Message[] => {
    const length = retrying(() => libc().recv(fd, buffer, BigInt(buffer.length), 0), op)
    return decodeMessages(Buffer.from(buffer.subarray(0, Number(length))))
  }
  /** Sends what `write` begins. Returns its number. */
  const ask = (op: string, write: (writer: MessageWriter) => void): number => {
    const writer = createMessageWriter(sequence)
    write(writer)
    const own = writer.end()
    sequence = (own + 1) >>> 0
    send(op, writer.finish())
    return own
  }
  /** `undefined` where something changed meanwhile. */
  const answersTo = (
    op: string,
    write: NetfilterDump,
    flags: number,
  ): readonly Uint8Array[] | undefined => {
    const own = ask(op, (writer) => write(writer, flags))
    const bodies: Uint8Array[] = []
    let interrupted = false
    for (;;) {
      for (const message of receive(op)) {
        if (message.sequence !== own) continue
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0
        if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
          bodies.push(message.body)
          continue
        }
        throwIfRefused(op, message)
        return interrupted ? undefined : bodies
      }
    }
  }
  return {
    fd,
    portID,
    send,
    receive,
    receiveWaiting(op) {
      const length = libc().recv(fd, buffer, BigInt(buffer.length), MSG_DONTWAIT)
      if (length >= 0n) return buffer.subarray(0, Number(length))
      const errno = lastErrno()
      if (errno === 'EAGAIN' || errno === 'EINTR') return
      throw new KernelError(op, errno)
    },
    request(op, write) {
      const own = ask(op, write)
      for (;;) {
        for (const message of receive(op)) {
          if (message.sequence === own && message.type === NLMSG_ERROR)
            return throwIfRefused(op, message)
        }
      }
    },
    dump(op, write) {
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        const bodies = answersTo(op, write, NLM_F_DUMP)
        if (bodies) return bodies
      }
      throw new KernelError(op, 'EINTR', { hint: 'it changes faster than it can be listed' })
    },
    get: (op, write) => answersTo(op, write, NLM_F_ACK) ?? [],
    setMember(group, isMember) {
      const option = isMember ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP
      set(SOL_NETLINK, option, Uint8Array.of(group, 0, 0, 0))
    },
    close: () => void libc().close(fd),
  }
}

/** @throws KernelError with the kernel's own words */
export function throwIfRefused(op: string, message: Message): void {
  const { errno, text } = decodeAcknowledgement(message)
  if (errno !== 0) throw new KernelError(op, errnoName(errno), { hint: text })
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
