import type { CIDR } from '#ip/cidr.ts'
import { familyOf, ipToBytes } from '#ip/ip.ts'
import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeIP,
  decodeOptional,
} from './attributes.ts'
import { concat, readU8, readU32, u8, u32 } from './bytes.ts'
import { AF_INET, AF_INET6 } from './family.ts'
import { WireError } from './wire-error.ts'

export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22

/** Skip duplicate address detection (IPv6). */
export const IFA_F_NODAD = 2
export const IFA_F_DADFAILED = 8
export const IFA_F_TENTATIVE = 0x40

/** Body of RTM_*ADDR: `struct ifaddrmsg` and attributes (include/uapi/linux/if_addr.h). */
export interface AddressMessage {
  readonly index: number
  readonly address: CIDR
  /** RT_SCOPE_*. */
  readonly scope: number
  /** IFA_F_*; only those that fit the header's byte. */
  readonly flags: number
}

const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFADDRMSG_BYTES = 8
const WHAT = 'address message'

export function encodeAddress({ index, address, scope, flags }: AddressMessage): Uint8Array {
  const bytes = ipToBytes(address.address)
  return concat([
    u8(familyOf(address.address) === 4 ? AF_INET : AF_INET6),
    u8(address.prefixLength),
    u8(flags),
    u8(scope),
    u32(index),
    // Two ends of a point-to-point link; the same address twice on all others.
    concatAttributes([attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]),
  ])
}

export function decodeAddress(body: Uint8Array): AddressMessage {
  const prefixLength = readU8(body, 1, WHAT)
  const flags = readU8(body, 2, WHAT)
  const scope = readU8(body, 3, WHAT)
  const index = readU32(body, 4, WHAT)
  const attributes = decodeAttributes(body, IFADDRMSG_BYTES, WHAT)
  // IPv6 has IFA_LOCAL only where there is a peer: IFA_ADDRESS is then the peer's.
  const address =
    decodeOptional(attributes, IFA_LOCAL, decodeIP) ??
    decodeOptional(attributes, IFA_ADDRESS, decodeIP)
  if (address === undefined) throw new WireError(WHAT, IFADDRMSG_BYTES, 'no address')
  return { index, address: { address, prefixLength }, scope, flags }
}
