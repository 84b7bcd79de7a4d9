import { decodeAttributes, decodeOptional } from './attributes.ts'
import { need, readI32, readText, readU32 } from './bytes.ts'
import { type Message, NLMSG_DONE } from './message.ts'

/** What NLMSG_ERROR (and the end of a dump) says: `errno` 0 is success. */
export interface Acknowledgement {
  readonly errno: number
  /** The kernel's own words ("ipv4: Address already assigned"), where the socket asked for them by NETLINK_EXT_ACK. */
  readonly text?: string
}

/** The request is quoted by its header alone, without its body. */
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1
const HEADER_BYTES = 16
const WHAT = 'netlink acknowledgement'

/** `struct nlmsgerr`: the negative errno, the request's header (and its body unless capped), then attributes. */
export function decodeAcknowledgement({ type, flags, body }: Message): Acknowledgement {
  const errno = Math.max(0, -readI32(body, 0, WHAT))
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno }
  const text = decodeOptional(
    decodeAttributes(body, type === NLMSG_DONE ? 4 : endOfQuote(body, flags), WHAT),
    NLMSGERR_ATTR_MSG,
    readText,
  )
  return text === undefined ? { errno } : { errno, text }
}

function endOfQuote(body: Uint8Array, flags: number): number {
  need(body, 4, HEADER_BYTES, WHAT)
  if (flags & NLM_F_CAPPED) return 4 + HEADER_BYTES
  const length = Math.max(HEADER_BYTES, readU32(body, 4, WHAT))
  need(body, 4, length, WHAT)
  return 4 + Math.ceil(length / 4) * 4
}
