import { checked, ffi, lastErrno, libc } from '../ffi/libc.ts'

/** A TUN device's descriptor and a UDP socket's, both non-blocking, and one that is written to for waking up. */
export interface PacketDescriptors {
  readonly tun: number
  readonly udp: number
  readonly wake: number
}

/** What is there to do after waiting. */
export interface Ready {
  readonly tun: boolean
  readonly udp: boolean
  readonly wake: boolean
  /** A descriptor broke: the device was deleted, or a socket closed. */
  readonly broken: boolean
}

/**
 * Packets between a TUN device and a UDP socket, for a thread that does nothing else: {@link wait} blocks it. Datagrams of equal
 * length to one receiver leave in one call, and come in so, wherever the kernel can (udp(7), UDP_SEGMENT and UDP_GRO); on the wire
 * each is a datagram of its own.
 */
export interface PacketChannel {
  wait(timeoutMs: number): Ready
  /** One packet into `buffer`. @returns its length; -1: there is none now */
  readTun(buffer: Uint8Array): number
  /** A packet that the device cannot take is lost, as on a wire. */
  writeTun(packet: Uint8Array): void
  /** @param receiver As `encodeSocketAddress()` gives it. Datagrams are lost where the network says no. */
  send(bytes: Uint8Array, segmentBytes: number, receiver: Uint8Array): void
  /** One or more datagrams of {@link segmentBytes} each, the last maybe shorter. @returns the length of all; -1: there is none now */
  receive(buffer: Uint8Array): number
  /** Of what was received last. */
  readonly segmentBytes: number
}

const SOL_UDP = 17
const UDP_SEGMENT = 103
const UDP_GRO = 104
const POLLIN = 1
const POLLERR_HUP_NVAL = 0x38
const POLLFD_BYTES = 8

/** Places in memory that is lent to the kernel: `struct msghdr` (56 bytes), `iovec` (16), a control message (24), an address (28). */
const AT = { message: 0, vector: 64, control: 96, address: 128 } as const
const SCRATCH_BYTES = 4096
const CONTROL_BYTES = 24

/** The socket takes and gives several datagrams at once from now on. @throws KernelError */
export function openPacketChannel({ tun, udp, wake }: PacketDescriptors): PacketChannel {
  const one = Uint8Array.of(1, 0, 0, 0)
  checked(libc().setsockopt(udp, SOL_UDP, UDP_GRO, one, one.length), 'receive datagrams together')
  const calls = loadCalls()
  const [outgoing, incoming] = [createMessage(), createMessage()]
  const polled = Buffer.alloc(3 * POLLFD_BYTES)
  for (const [i, fd] of [tun, udp, wake].entries()) {
    polled.writeInt32LE(fd, i * POLLFD_BYTES)
    polled.writeInt16LE(POLLIN, i * POLLFD_BYTES + 4)
  }
  /** An eventfd's; reading sets it to nothing. */
  const count = new Uint8Array(8)
  const happened = (i: number) => polled.readInt16LE(i * POLLFD_BYTES + 6)
  let segmentBytes = 0
  return {
    wait(timeoutMs) {
      if (calls.poll(polled, 3, timeoutMs) < 0)
        return { tun: false, udp: false, wake: true, broken: lastErrno() !== 'EINTR' }
      const broken = [0, 1, 2].some((i) => (happened(i) & POLLERR_HUP_NVAL) !== 0 && i !== 1)
      const is = (i: number) => happened(i) !== 0
      if (is(2)) calls.read(wake, count, count.length)
      return { tun: is(0), udp: is(1), wake: is(2), broken }
    },
    readTun: (buffer) => calls.read(tun, buffer, buffer.length),
    writeTun: (packet) => void calls.write(tun, packet, packet.length),
    send(bytes, segment, receiver) {
      outgoing.point(bytes, receiver, segment < bytes.length ? segment : undefined)
      calls.sendmsg(udp, outgoing.header, 0)
    },
    receive(buffer) {
      incoming.point(buffer, undefined, undefined)
      incoming.expectControl()
      const length = calls.recvmsg(udp, incoming.header, 0)
      segmentBytes = incoming.segment() || length
      return length
    },
    get segmentBytes() {
      return segmentBytes
    },
  }
}

/** What is called for each packet, with lengths as numbers: none is near 2^31, and each bigint would be an object. */
const prototypes = {
  poll: { return: 'i32', arguments: ['buffer', 'u32', 'i32'] },
  read: { return: 'i32', arguments: ['i32', 'buffer', 'u32'] },
  write: { return: 'i32', arguments: ['i32', 'buffer', 'u32'] },
  sendmsg: { return: 'i32', arguments: ['i32', 'buffer', 'i32'] },
  recvmsg: { return: 'i32', arguments: ['i32', 'buffer', 'i32'] },
} as const

let loaded: ReturnType<typeof load> | undefined

function loadCalls() {
  loaded ??= load()
  return loaded.functions
}

function load() {
  return ffi().dlopen(null, prototypes)
}

/** A `struct msghdr` with all that it points to. Memory outside of JavaScript's heap: it does not move. */
function createMessage() {
  const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES).fill(0)
  const base = ffi().getRawPointer(scratch)
  const pointTo = (offset: number, target: bigint) => scratch.writeBigUInt64LE(target, offset)
  pointTo(AT.message + 16, base + BigInt(AT.vector))
  scratch.writeBigUInt64LE(1n, AT.message + 24)
  let held: Uint8Array | undefined
  let heldAt = 0n
  const header = scratch.subarray(0, 56)
  return {
    header,
    point(bytes: Uint8Array, receiver: Uint8Array | undefined, segment: number | undefined) {
      if (held?.buffer !== bytes.buffer) {
        held = new Uint8Array(bytes.buffer)
        heldAt = ffi().getRawPointer(held)
      }
      pointTo(AT.vector, heldAt + BigInt(bytes.byteOffset))
      scratch.writeBigUInt64LE(BigInt(bytes.length), AT.vector + 8)
      if (receiver) scratch.set(receiver, AT.address)
      pointTo(AT.message, receiver ? base + BigInt(AT.address) : 0n)
      scratch.writeUInt32LE(receiver?.length ?? 0, AT.message + 8)
      pointTo(AT.message + 32, segment === undefined ? 0n : base + BigInt(AT.control))
      scratch.writeBigUInt64LE(segment === undefined ? 0n : BigInt(CONTROL_BYTES), AT.message + 40)
      if (segment === undefined) return
      scratch.writeBigUInt64LE(18n, AT.control) // header and two bytes
      scratch.writeInt32LE(SOL_UDP, AT.control + 8)
      scratch.writeInt32LE(UDP_SEGMENT, AT.control + 12)
      scratch.writeUInt16LE(segment, AT.control + 16)
    },
    expectControl() {
      pointTo(AT.message + 32, base + BigInt(AT.control))
      scratch.writeBigUInt64LE(BigInt(CONTROL_BYTES), AT.message + 40)
      scratch.fill(0, AT.control, AT.control + CONTROL_BYTES)
    },
    /** The length of the datagrams that came together, where several did. */
    segment(): number | undefined {
      const isSegmented =
        scratch.readInt32LE(AT.control + 8) === SOL_UDP &&
        scratch.readInt32LE(AT.control + 12) === UDP_GRO
      return isSegmented ? scratch.readInt32LE(AT.control + 16) : undefined
    },
  }
}
