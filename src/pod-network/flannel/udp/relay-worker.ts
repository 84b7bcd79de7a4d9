import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { encodeSocketAddress } from '#kernel/socket/sockaddr.ts'
import {
  openPacketChannel,
  type PacketChannel,
  type PacketDescriptors,
} from '#kernel/tun/packet-channel.ts'
import { countHop, createRoutingTable, isIPv4, networkUnreachable } from './relay-packets.ts'

/* The relay's own thread: it does nothing but wait for packets and pass them on. */

export interface RelayRoute {
  readonly subnet: CIDR
  readonly node: IP
}

export type RelayMessage =
  | {
      readonly kind: 'routes'
      readonly routes: readonly RelayRoute[]
      readonly port: number
      readonly from: IP
    }
  | { readonly kind: 'stop' }

/** A datagram's payload is a whole packet; 64 of them go into one call (UDP_MAX_SEGMENTS of the kernel), as long as all fit into one IP packet. */
const MOST_SEGMENTS = 64
const MOST_BYTES = 65_000
const BUFFER_BYTES = 128 * 1024
/** Packets of one direction before the other has its turn. */
const BURST = 256
const WAIT_MS = 1000

type Find = (packet: Uint8Array) => Uint8Array | undefined

function relay(channel: PacketChannel, next: () => RelayMessage | undefined): void {
  const buffer = new Uint8Array(new ArrayBuffer(BUFFER_BYTES))
  let find: Find = () => undefined
  let from = '0.0.0.0' as IP
  for (;;) {
    for (let message = next(); message; message = next()) {
      if (message.kind === 'stop') return
      const { routes, port } = message
      from = message.from
      const to = routes.map(({ subnet, node }) => ({ subnet, to: encodeSocketAddress(node, port) }))
      find = createRoutingTable(to)
    }
    const ready = channel.wait(WAIT_MS)
    if (ready.broken) return
    if (ready.tun) sendFromTun(channel, buffer, find, from)
    if (ready.udp) receiveToTun(channel, buffer)
  }
}

/** Packets of one length to one node wait for each other, and leave together. */
function sendFromTun(channel: PacketChannel, buffer: Uint8Array, find: Find, from: IP): void {
  let [start, end, segment] = [0, 0, 0]
  let receiver: Uint8Array | undefined
  const flush = () => {
    if (receiver && end > start) channel.send(buffer.subarray(start, end), segment, receiver)
    start = end = 0
    receiver = undefined
  }
  for (let count = 0; count < BURST; count++) {
    if (end > MOST_BYTES) flush()
    const packet = buffer.subarray(end)
    const length = channel.readTun(packet)
    if (length < 0) break
    if (!isIPv4(packet, length)) continue
    const to = find(packet)
    if (!to) {
      const answer = networkUnreachable(packet, length, from)
      if (answer) channel.writeTun(answer)
      continue
    }
    if (!countHop(packet)) continue
    const isJoined = to === receiver && length <= segment && end - start + length <= MOST_BYTES
    if (!isJoined) {
      const at = end
      if (receiver) channel.send(buffer.subarray(start, at), segment, receiver)
      start = at
      segment = length
      receiver = to
    }
    end += length
    // A shorter one can only be the last.
    if (length < segment || end - start >= segment * MOST_SEGMENTS) flush()
  }
  flush()
}

function receiveToTun(channel: PacketChannel, buffer: Uint8Array): void {
  for (let count = 0; count < BURST; ) {
    const length = channel.receive(buffer)
    if (length < 0) return
    const { segmentBytes } = channel
    for (let at = 0; at < length; at += segmentBytes, count++) {
      const packet = buffer.subarray(at, Math.min(length, at + segmentBytes))
      if (isIPv4(packet, packet.length) && countHop(packet)) channel.writeTun(packet)
    }
    count++
  }
}

if (parentPort) {
  const port = parentPort
  relay(
    openPacketChannel(workerData as PacketDescriptors),
    () => receiveMessageOnPort(port)?.message,
  )
  port.close()
}
