import { attribute, decodeAttributes, decodeOptional } from './attributes.ts'
import { concat, need, readU8, readU16, u8, u16, zeroEnded } from './bytes.ts'
import { WireError } from './wire-error.ts'

/** The message type of the family that knows the others (include/uapi/linux/genetlink.h). */
export const GENL_ID_CTRL = 0x10

const CTRL_CMD_GETFAMILY = 3
const CTRL_ATTR_FAMILY_ID = 1
const CTRL_ATTR_FAMILY_NAME = 2
const CTRL_VERSION = 1
const HEADER_BYTES = 4
const WHAT = 'generic netlink message'

/** `struct genlmsghdr` (command, version, two reserved bytes) and what follows it. */
export interface GenericMessage {
  readonly command: number
  readonly version: number
  /** Attributes. */
  readonly body: Uint8Array
}

export function encodeGeneric({ command, version, body }: GenericMessage): Uint8Array {
  return concat([u8(command), u8(version), u16(0), body])
}

export function decodeGeneric(bytes: Uint8Array): GenericMessage {
  need(bytes, 0, HEADER_BYTES, WHAT)
  return {
    command: readU8(bytes, 0, WHAT),
    version: readU8(bytes, 1, WHAT),
    body: bytes.subarray(HEADER_BYTES),
  }
}

/** Asks the number of a family, which the kernel gives out when the family is registered: `IPVS`. */
export function encodeFamilyRequest(name: string): Uint8Array {
  const body = attribute(CTRL_ATTR_FAMILY_NAME, zeroEnded(name))
  return encodeGeneric({ command: CTRL_CMD_GETFAMILY, version: CTRL_VERSION, body })
}

export function decodeFamilyId(bytes: Uint8Array): number {
  const attributes = decodeAttributes(decodeGeneric(bytes).body, 0, WHAT)
  const id = decodeOptional(attributes, CTRL_ATTR_FAMILY_ID, (value) => readU16(value, 0, WHAT))
  if (id === undefined) throw new WireError(WHAT, HEADER_BYTES, 'no family id')
  return id
}
