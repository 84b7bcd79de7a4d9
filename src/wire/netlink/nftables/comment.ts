import { readText, zeroEnded } from '../bytes.ts'

/*
 * Comments of rules and tables, in what the kernel keeps for programs and does not read: libnftnl's list of type, length and value
 * (include/libnftnl/udata.h). NFTNL_UDATA_RULE_COMMENT and NFTNL_UDATA_TABLE_COMMENT are the same number.
 */

const COMMENT = 0
const HEADER_BYTES = 2
/** NFTNL_UDATA_COMMENT_MAXLEN: nft(8) takes no longer ones. */
export const MAX_COMMENT_BYTES = 128

export function encodeComment(text: string): Uint8Array {
  const value = zeroEnded(text)
  return Buffer.concat([Uint8Array.of(COMMENT, value.length), value])
}

/** @param userdata bounded, but of anybody's making @returns undefined where there is no comment in it */
export function decodeComment(userdata: Uint8Array): string | undefined {
  for (let at = 0; at + HEADER_BYTES <= userdata.length; ) {
    const end = at + HEADER_BYTES + userdata[at + 1]!
    if (end > userdata.length) return undefined
    if (userdata[at] === COMMENT) return readText(userdata.subarray(at + HEADER_BYTES, end))
    at = end
  }
  return undefined
}
