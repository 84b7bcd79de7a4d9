import { concat, need, readU16, readU32, u16, u32 } from './bytes.ts'
import { WireError } from './wire-error.ts'

/** `struct nlmsghdr` (16 bytes: length, type, flags, sequence, port) and what follows it. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  readonly body: Uint8Array
}

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
/** In a reply: the dump saw a change while it ran, and is worth nothing. */
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
/** NLM_F_ROOT | NLM_F_MATCH. */
export const NLM_F_DUMP = 0x300

const HEADER_BYTES = 16
const WHAT = 'netlink message'

export function encodeMessage({ type, flags, sequence, body }: Message): Uint8Array {
  return concat([
    u32(HEADER_BYTES + body.length),
    u16(type),
    u16(flags),
    u32(sequence),
    u32(0), // our port: the kernel fills it in
    body,
  ])
}

/** Splits a datagram into its messages. The bodies are views, not copies. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = readU32(bytes, at, WHAT)
    if (length < HEADER_BYTES) throw new WireError(WHAT, at, `message of ${length} bytes`)
    need(bytes, at, length, WHAT)
    messages.push({
      type: readU16(bytes, at + 4, WHAT),
      flags: readU16(bytes, at + 6, WHAT),
      sequence: readU32(bytes, at + 8, WHAT),
      body: bytes.subarray(at + HEADER_BYTES, at + length),
    })
    at += Math.ceil(length / 4) * 4
  }
  return messages
}
