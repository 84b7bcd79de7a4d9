import { attribute, decodeAttributes } from './attributes.ts'
import { concat, need, u8, u16BE, zeroEnded } from './bytes.ts'
import { WireError } from './wire-error.ts'

/** Message types of the subsystem 7 of nfnetlink (include/uapi/linux/netfilter/nfnetlink_acct.h). */
export const NFNL_MSG_ACCT = { new: 0x700, get: 0x701 } as const

/** The longest name that the kernel keeps, without its end. */
export const MAX_ACCOUNT_NAME_BYTES = 31

const NFACCT_NAME = 1
const NFACCT_PKTS = 2
const NFACCT_BYTES = 3
const HEADER_BYTES = 4
const WHAT = 'nfnetlink account'

/** A named counter that rules count in (`-m nfacct`). */
export interface Account {
  readonly name: string
  readonly packets: bigint
  readonly bytes: bigint
}

/** `struct nfgenmsg` (family, version, resource), and the name. */
export function encodeAccountName(name: string): Uint8Array {
  return concat([encodeHeader(), attribute(NFACCT_NAME, zeroEnded(name))])
}

/** What asks for all of them. */
export function encodeHeader(): Uint8Array {
  return concat([u8(0), u8(0), u16BE(0)])
}

/** @throws WireError */
export function decodeAccount(body: Uint8Array): Account {
  need(body, 0, HEADER_BYTES, WHAT)
  const attributes = decodeAttributes(body, HEADER_BYTES, WHAT)
  const number = (type: number) => {
    const value = attributes.get(type)
    if (value?.length !== 8) throw new WireError(WHAT, HEADER_BYTES, `attribute ${type} is no u64`)
    return Buffer.from(value).readBigUInt64BE()
  }
  const name = attributes.get(NFACCT_NAME)
  if (!name) throw new WireError(WHAT, HEADER_BYTES, 'no name')
  return {
    name: Buffer.from(name).toString().replace(/\0.*$/s, ''),
    packets: number(NFACCT_PKTS),
    bytes: number(NFACCT_BYTES),
  }
}
