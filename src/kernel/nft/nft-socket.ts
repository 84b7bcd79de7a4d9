import { decodeAcknowledgement } from '#wire/netlink/acknowledgement.ts'
import {
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '#wire/netlink/message.ts'
import {
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
  NFNL_SUBSYS_NFTABLES,
} from '#wire/netlink/nftables/constants.ts'
import { createMessageWriter, type MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import { errnoName, libc, retrying } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'
import { openNetfilterSocket, setBufferBytes } from './netfilter-socket.ts'

/**
 * nf_tables of one network namespace, message by message: no text, no listing of what is there, and so as fast as the kernel itself
 * (facts: 0.015 ms for an element, libnftables 0.1 ms). Only where Node has node:ffi.
 */
export interface NftSocket extends Disposable {
  /** How the kernel names this socket in what it tells of changes. */
  readonly portID: number
  /** Runs the messages that `write` makes as one transaction: all of them or none. @throws KernelError */
  commit(write: (writer: MessageWriter) => void): void
  /** All entries that a request for a dump gives: their bodies, `struct nfgenmsg` first. @throws KernelError ENOENT */
  dump(op: string, write: (writer: MessageWriter, flags: number) => void): readonly Uint8Array[]
}

const DUMP_ATTEMPTS = 20
const MIN_SEND_BYTES = 256 * 1024
const RECEIVE_BYTES = 1024 * 1024
const OP = 'commit nftables transaction'

export function openNftSocket(netns?: Netns): NftSocket {
  const { fd, portID, receive, close } = openNetfilterSocket(netns)
  setBufferBytes(fd, 'receive', RECEIVE_BYTES)
  let sendBytes = 0
  let sequence = 1
  let isOpen = true

  const send = (bytes: Uint8Array, op: string) => {
    if (!isOpen) throw new KernelError(op, 'EBADF', { hint: 'nftables was closed' })
    if (bytes.length > sendBytes) {
      sendBytes = Math.max(MIN_SEND_BYTES, bytes.length * 2)
      setBufferBytes(fd, 'send', sendBytes)
    }
    retrying(() => libc().send(fd, bytes, BigInt(bytes.length), 0), op)
  }

  /** The kernel has answered all within the send: errors first, then what was asked to be acknowledged. */
  const awaitAcknowledgement = (last: number) => {
    for (;;) {
      for (const message of receive(OP)) {
        if (message.type !== NLMSG_ERROR) continue
        const { errno, text } = decodeAcknowledgement(message)
        if (errno !== 0) throw new KernelError(OP, errnoName(errno), { hint: text })
        if (message.sequence === last) return
      }
    }
  }

  const dumpOnce = (op: string, write: Parameters<NftSocket['dump']>[1]) => {
    const writer = createMessageWriter(sequence)
    write(writer, NLM_F_DUMP)
    const own = writer.end()
    sequence = (own + 1) >>> 0
    send(writer.finish(), op)
    const bodies: Uint8Array[] = []
    let interrupted = false
    for (;;) {
      for (const message of receive(op).filter((each: Message) => each.sequence === own)) {
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0
        if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
          bodies.push(message.body)
          continue
        }
        const { errno, text } = decodeAcknowledgement(message)
        if (errno !== 0) throw new KernelError(op, errnoName(errno), { hint: text })
        return interrupted ? undefined : bodies
      }
    }
  }

  return {
    portID,
    commit(write) {
      const writer = createMessageWriter(sequence)
      writer.begin(NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES)
      writer.end()
      const start = writer.length()
      write(writer)
      const bytes = writer.length() - start
      // Only kernels from 6.10 on acknowledge the end itself.
      const last = acknowledgeLast(writer, start)
      writer.begin(NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES)
      sequence = (writer.end() + 1) >>> 0
      if (bytes === 0) return
      send(writer.finish(), OP)
      awaitAcknowledgement(last)
    },
    dump(op, write) {
      for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
        const bodies = dumpOnce(op, write)
        if (bodies) return bodies
      }
      throw new KernelError(op, 'EINTR', { hint: 'it changes faster than it can be listed' })
    },
    [Symbol.dispose]() {
      if (isOpen) close()
      isOpen = false
    },
  }
}

/** Asks for an answer to the last of the messages from `start` on. Returns its sequence number. */
function acknowledgeLast(writer: MessageWriter, start: number): number {
  const buffer = Buffer.from(writer.finish().buffer, 0, writer.length())
  let at = start
  let last = start
  while (at < buffer.length) {
    last = at
    at += (buffer.readUInt32LE(at) + 3) & ~3
  }
  if (last >= buffer.length) return 0
  buffer.writeUInt16LE(buffer.readUInt16LE(last + 6) | NLM_F_ACK, last + 6)
  return buffer.readUInt32LE(last + 8)
}
