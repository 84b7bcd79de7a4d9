import { type IP, ipFromBytes, ipToBytes } from '#ip/ip.ts'
import { type MAC, macToBytes } from '#ip/mac.ts'
import { WireError } from '../netlink/wire-error.ts'

/** DHCP (RFC 2131, figure 1): what a client says and hears. */
export interface DHCPMessage {
  readonly isReply: boolean
  readonly transaction: number
  /** Since the client began. */
  readonly seconds?: number
  /** Whether answers are to be broadcast: the client cannot hear others yet. */
  readonly broadcast?: boolean
  /** `ciaddr`: the address that the client uses. */
  readonly clientIP?: IP
  /** `yiaddr`: the address that it is given. */
  readonly yourIP?: IP
  readonly clientMAC: MAC
  /** By their code; one that comes in several parts is whole (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>
}

/** RFC 2132, and 121 of RFC 3442. */
export const OPTION = {
  subnetMask: 1,
  router: 3,
  hostName: 12,
  staticRoutes: 33,
  requestedIP: 50,
  leaseTime: 51,
  messageType: 53,
  serverID: 54,
  parameterList: 55,
  message: 56,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientID: 61,
  userClass: 77,
  classlessRoutes: 121,
} as const

export const MESSAGE_TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
} as const

const HEADER_BYTES = 236
const MAGIC = 0x63825363
/** A BOOTP message: relays of old drop what is shorter. */
const MIN_BYTES = 300
const MAX_PART_BYTES = 255
const [PAD, END] = [0, 255]
const BROADCAST_FLAG = 0x8000
const WHAT = 'DHCP message'

export function encodeDHCP(message: DHCPMessage): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES + 4)
  header.set([message.isReply ? 2 : 1, 1, 6, 0]) // operation, Ethernet, its length, hops
  header.writeUInt32BE(message.transaction, 4)
  header.writeUInt16BE(message.seconds ?? 0, 8)
  header.writeUInt16BE(message.broadcast ? BROADCAST_FLAG : 0, 10)
  if (message.clientIP) header.set(ipToBytes(message.clientIP), 12)
  if (message.yourIP) header.set(ipToBytes(message.yourIP), 16)
  header.set(macToBytes(message.clientMAC), 28)
  header.writeUInt32BE(MAGIC, HEADER_BYTES)
  const options = [...message.options].flatMap(([code, value]) => encodeOption(code, value))
  const bytes = Buffer.concat([header, ...options, Uint8Array.of(END)])
  return bytes.length >= MIN_BYTES ? bytes : Buffer.concat([bytes], MIN_BYTES)
}

function encodeOption(code: number, value: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at === 0 || at < value.length; at += MAX_PART_BYTES) {
    const part = value.subarray(at, at + MAX_PART_BYTES)
    parts.push(Uint8Array.of(code, part.length), part)
  }
  return parts
}

/** @throws WireError */
export function decodeDHCP(bytes: Uint8Array): DHCPMessage {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (buffer.length < HEADER_BYTES + 4) {
    throw new WireError(WHAT, buffer.length, `${buffer.length} bytes`)
  }
  if (buffer.readUInt32BE(HEADER_BYTES) !== MAGIC) {
    throw new WireError(WHAT, HEADER_BYTES, 'not the number that DHCP begins with')
  }
  const addressAt = (at: number) => ipFromBytes(buffer.subarray(at, at + 4))
  return {
    isReply: buffer[0] === 2,
    transaction: buffer.readUInt32BE(4),
    seconds: buffer.readUInt16BE(8),
    broadcast: (buffer.readUInt16BE(10) & BROADCAST_FLAG) !== 0,
    clientIP: addressAt(12),
    yourIP: addressAt(16),
    clientMAC: [...buffer.subarray(28, 34)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(':') as MAC,
    options: decodeOptions(buffer.subarray(HEADER_BYTES + 4)),
  }
}

function decodeOptions(bytes: Buffer): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>()
  for (let at = 0; at < bytes.length && bytes[at] !== END; ) {
    const code = bytes[at]!
    if (code === PAD) {
      at++
      continue
    }
    const length = bytes[at + 1]
    if (length === undefined || at + 2 + length > bytes.length) {
      throw new WireError(WHAT, HEADER_BYTES + 4 + at, `option ${code} is cut off`)
    }
    const part = bytes.subarray(at + 2, at + 2 + length)
    options.set(code, Buffer.concat([options.get(code) ?? new Uint8Array(0), part]))
    at += 2 + length
  }
  return options
}
