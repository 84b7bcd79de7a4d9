import { type Acknowledgement, decodeAcknowledgement } from '#wire/netlink/acknowledgement.ts'
import {
  decodeMessages,
  encodeMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '#wire/netlink/message.ts'
import { checked, errnoName, libc, retrying } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

/** A netlink socket of one protocol, rtnetlink's by default: it talks to the namespace where it was opened, from wherever its owner is. */
export interface NetlinkSocket extends Disposable {
  readonly fd: number
  /** One request and its acknowledgement. @throws KernelError with the kernel's own words */
  request(op: string, type: number, flags: number, body: Uint8Array): void
  /** One request and the body of its answer. */
  query(op: string, type: number, body: Uint8Array): Uint8Array
  /** All entries of a kind: the bodies of the answers. */
  dump(op: string, type: number, body: Uint8Array): Uint8Array[]
}

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const NETLINK_ROUTE = 0
export const NETLINK_GENERIC = 16
export const NETLINK_NETFILTER = 12
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11

/** The kernel fills at most 32 KiB at a time (NLMSG_GOODSIZE and netlink_dump() in net/netlink/af_netlink.c). */
const RECEIVE_BYTES = 64 * 1024
/** The kernel answers within the send; this only turns a hang into an error. */
const RECEIVE_TIMEOUT_SECONDS = 10
const DUMP_ATTEMPTS = 20

const NAMES: ReadonlyMap<number, string> = new Map([
  [NETLINK_ROUTE, 'rtnetlink'],
  [NETLINK_NETFILTER, 'nfnetlink'],
  [NETLINK_GENERIC, 'generic netlink'],
])

/** One for all sockets: calls are synchronous, and what is kept is copied out. */
let receiveBuffer: Uint8Array | undefined

export function openNetlinkSocket(
  netns: Netns | undefined,
  protocol: number = NETLINK_ROUTE,
): NetlinkSocket {
  const what = NAMES.get(protocol) ?? 'netlink'
  const open = () => libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
  const fd = checked(netns ? inNetns(netns, open) : open(), `open ${what}`)
  const set = (level: number, option: number, value: Uint8Array) =>
    checked(libc().setsockopt(fd, level, option, value, value.length), `set up ${what}`)
  set(SOL_NETLINK, NETLINK_EXT_ACK, Uint8Array.of(1, 0, 0, 0))
  set(SOL_NETLINK, NETLINK_CAP_ACK, Uint8Array.of(1, 0, 0, 0))
  const timeval = new BigInt64Array([BigInt(RECEIVE_TIMEOUT_SECONDS), 0n])
  set(SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer))

  let sequence = 0
  let isOpen = true

  /** Sends one message and hands over the answers to it until `done` says so. */
  const converse = (op: string, type: number, flags: number, body: Uint8Array) => {
    if (!isOpen) throw new KernelError(op, 'EBADF', { hint: `${what} was closed` })
    sequence = (sequence + 1) >>> 0
    const bytes = encodeMessage({ type, flags: NLM_F_REQUEST | flags, sequence, body })
    retrying(() => libc().send(fd, bytes, BigInt(bytes.length), 0), op)
    return {
      /** The messages of one datagram that answer this request; others are late answers to one that threw. */
      receive: () => receive(fd, op).filter((message) => message.sequence === sequence),
    }
  }

  const dumpOnce = (op: string, type: number, body: Uint8Array): Uint8Array[] | undefined => {
    const conversation = converse(op, type, NLM_F_DUMP, body)
    const bodies: Uint8Array[] = []
    let interrupted = false
    for (;;) {
      for (const message of conversation.receive()) {
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0
        if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
          bodies.push(message.body)
          continue
        }
        throwIfRefused(op, decodeAcknowledgement(message))
        return interrupted ? undefined : bodies
      }
    }
  }

  return {
    fd,
    request(op, type, flags, body) {
      const conversation = converse(op, type, flags | NLM_F_ACK, body)
      for (;;) {
        for (const message of conversation.receive()) {
          if (message.type === NLMSG_ERROR)
            return throwIfRefused(op, decodeAcknowledgement(message))
        }
      }
    },
    query(op, type, body) {
      const conversation = converse(op, type, 0, body)
      for (;;) {
        for (const message of conversation.receive()) {
          if (message.type !== NLMSG_ERROR) return message.body
          throwIfRefused(op, decodeAcknowledgement(message))
        }
      }
    },
    dump(op, type, body) {
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        const bodies = dumpOnce(op, type, body)
        if (bodies) return bodies
      }
      throw new KernelError(op, 'EINTR', { hint: 'entries change faster than they can be listed' })
    },
    [Symbol.dispose]() {
      if (isOpen) libc().close(fd)
      isOpen = false
    },
  }
}

function receive(fd: number, op: string): Message[] {
  receiveBuffer ??= new Uint8Array(RECEIVE_BYTES)
  const buffer = receiveBuffer
  const length = retrying(() => libc().recv(fd, buffer, BigInt(buffer.length), 0), op)
  return decodeMessages(buffer.slice(0, Number(length)))
}

function throwIfRefused(op: string, { errno, text }: Acknowledgement): void {
  if (errno !== 0) throw new KernelError(op, errnoName(errno), { hint: text })
}
