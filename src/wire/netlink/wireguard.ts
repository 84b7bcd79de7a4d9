import type { CIDR } from '#ip/cidr.ts'
import { familyOf, type IP, ipToBytes } from '#ip/ip.ts'
import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeIP,
  NLA_F_NESTED,
  nested,
  optional,
} from './attributes.ts'
import { concat, readU16, readU16BE, u8, u16, u16BE, u32, zeroEnded } from './bytes.ts'
import { defined } from './defined.ts'
import { AF_INET, AF_INET6 } from './family.ts'

/** Configuration of a WireGuard device by generic netlink (include/uapi/linux/wireguard.h). Keys are 32 bytes. */
export interface WireguardMessage {
  readonly name: string
  readonly privateKey?: Uint8Array
  readonly listenPort?: number
  readonly replacePeers?: boolean
  readonly peers?: readonly WireguardPeerMessage[]
}

export interface WireguardPeerMessage {
  readonly publicKey: Uint8Array
  readonly presharedKey?: Uint8Array
  readonly remove?: boolean
  readonly endpoint?: { readonly address: IP; readonly port: number }
  readonly keepaliveSeconds?: number
  /** They replace those that the peer had. */
  readonly allowedIPs?: readonly CIDR[]
}

export const WG_FAMILY = 'wireguard'
export const WG_VERSION = 1
export const WG_CMD = { GET_DEVICE: 0, SET_DEVICE: 1 } as const

const DEVICE = { IFNAME: 2, PRIVATE_KEY: 3, FLAGS: 5, LISTEN_PORT: 6, PEERS: 8 }
const PEER = {
  PUBLIC_KEY: 1,
  PRESHARED_KEY: 2,
  FLAGS: 3,
  ENDPOINT: 4,
  KEEPALIVE: 5,
  ALLOWED_IPS: 9,
}
const ALLOWED = { FAMILY: 1, ADDRESS: 2, MASK: 3 }
const DEVICE_REPLACE_PEERS = 1
const PEER_REMOVE = 1
const PEER_REPLACE_ALLOWED_IPS = 2
const WHAT = 'wireguard message'

/** This family validates strictly: lists say that they are some. */
const list = (type: number, items: readonly (Uint8Array | undefined)[]) =>
  nested(type | NLA_F_NESTED, items)

export function encodeWireguard(message: WireguardMessage): Uint8Array {
  return concatAttributes([
    attribute(DEVICE.IFNAME, zeroEnded(message.name)),
    optional(DEVICE.PRIVATE_KEY, message.privateKey, (key) => key),
    message.replacePeers ? attribute(DEVICE.FLAGS, u32(DEVICE_REPLACE_PEERS)) : undefined,
    optional(DEVICE.LISTEN_PORT, message.listenPort, u16),
    message.peers &&
      list(
        DEVICE.PEERS,
        message.peers.map((peer) => list(0, encodePeer(peer))),
      ),
  ])
}

function encodePeer(peer: WireguardPeerMessage): readonly (Uint8Array | undefined)[] {
  const flags = (peer.remove ? PEER_REMOVE : 0) | (peer.allowedIPs ? PEER_REPLACE_ALLOWED_IPS : 0)
  return [
    attribute(PEER.PUBLIC_KEY, peer.publicKey),
    optional(PEER.PRESHARED_KEY, peer.presharedKey, (key) => key),
    attribute(PEER.FLAGS, u32(flags)),
    optional(PEER.ENDPOINT, peer.endpoint, encodeEndpoint),
    optional(PEER.KEEPALIVE, peer.keepaliveSeconds, u16),
    peer.allowedIPs &&
      list(
        PEER.ALLOWED_IPS,
        peer.allowedIPs.map((it) => list(0, encodeAllowed(it))),
      ),
  ]
}

function encodeAllowed({ address, prefixLength }: CIDR): readonly Uint8Array[] {
  return [
    attribute(ALLOWED.FAMILY, u16(familyOf(address) === 4 ? AF_INET : AF_INET6)),
    attribute(ALLOWED.ADDRESS, ipToBytes(address)),
    attribute(ALLOWED.MASK, u8(prefixLength)),
  ]
}

/** `struct sockaddr_in` or `sockaddr_in6`. */
function encodeEndpoint({
  address,
  port,
}: {
  readonly address: IP
  readonly port: number
}): Uint8Array {
  return familyOf(address) === 4
    ? concat([u16(AF_INET), u16BE(port), ipToBytes(address), new Uint8Array(8)])
    : concat([u16(AF_INET6), u16BE(port), u32(0), ipToBytes(address), u32(0)])
}

/** A part of what a device holds: the kernel tells many peers in several messages. */
export function decodeWireguard(body: Uint8Array): Omit<WireguardMessage, 'name'> {
  const attributes = decodeAttributes(body, 0, WHAT)
  const port = attributes.get(DEVICE.LISTEN_PORT)
  const key = attributes.get(DEVICE.PRIVATE_KEY)
  const peers = decodeList(attributes.get(DEVICE.PEERS)).map(decodePeer)
  return {
    peers,
    ...(key && { privateKey: new Uint8Array(key) }),
    ...(port && { listenPort: readU16(port, 0, WHAT) }),
  }
}

/** A list is attributes whose types say nothing. */
function decodeList(bytes: Uint8Array | undefined): readonly Uint8Array[] {
  const items: Uint8Array[] = []
  for (let at = 0; bytes && at < bytes.length; ) {
    const length = readU16(bytes, at, WHAT)
    if (length < 4) break
    items.push(bytes.subarray(at + 4, at + length))
    at += (length + 3) & ~3
  }
  return items
}

function decodePeer(bytes: Uint8Array): WireguardPeerMessage {
  const attributes = decodeAttributes(bytes, 0, WHAT)
  const endpoint = attributes.get(PEER.ENDPOINT)
  const keepalive = attributes.get(PEER.KEEPALIVE)
  const presharedKey = attributes.get(PEER.PRESHARED_KEY)
  return {
    publicKey: new Uint8Array(attributes.get(PEER.PUBLIC_KEY) ?? []),
    allowedIPs: decodeList(attributes.get(PEER.ALLOWED_IPS)).flatMap(decodeAllowed),
    ...(presharedKey && { presharedKey: new Uint8Array(presharedKey) }),
    ...defined({
      endpoint: endpoint && decodeEndpoint(endpoint),
      keepaliveSeconds: keepalive && readU16(keepalive, 0, WHAT),
    }),
  }
}

function decodeAllowed(bytes: Uint8Array): readonly CIDR[] {
  const attributes = decodeAttributes(bytes, 0, WHAT)
  const [address, mask] = [attributes.get(ALLOWED.ADDRESS), attributes.get(ALLOWED.MASK)]
  return address && mask ? [{ address: decodeIP(address), prefixLength: mask[0]! }] : []
}

function decodeEndpoint(
  bytes: Uint8Array,
): { readonly address: IP; readonly port: number } | undefined {
  const family = readU16(bytes, 0, WHAT)
  if (family !== AF_INET && family !== AF_INET6) return undefined
  const address = family === AF_INET ? bytes.subarray(4, 8) : bytes.subarray(8, 24)
  return { address: decodeIP(address), port: readU16BE(bytes, 2, WHAT) }
}
