import { closeSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import { openRtnetlink } from '../netlink/rtnetlink.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

/** Whole Ethernet frames of one link: packet(7). Only those of IPv4 that come in are heard. */
export interface PacketSocket extends AsyncDisposable {
  /** @throws KernelError ENETDOWN where the link is down */
  send(frame: Uint8Array): void
  /** The next frame; undefined where none comes within a quarter of a second. One call at a time. */
  receive(): Promise<Uint8Array | undefined>
}

const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
/** ETH_P_IP in network order. */
const PROTOCOL_IPV4 = 0x0008
const SOCKADDR_LL_BYTES = 20
const RECEIVE_TIMEOUT_MICROSECONDS = 250_000n
const MAX_FRAME_BYTES = 65_536

const readAsync = promisify(read)

/**
 * @param netns where the device is; the caller's own by default
 * @throws KernelError ENODEV, or ENOSYS without node:ffi
 */
export function openPacketSocket(device: string, netns?: Netns): PacketSocket {
  const op = `open a packet socket on ${device}`
  if (kernelBackend() === 'command') {
    throw new KernelError(op, 'ENOSYS', { hint: 'this needs node:ffi' })
  }
  const fd = openBound(device, netns, op)
  let receiving: Promise<unknown> = Promise.resolve()
  return {
    send: (frame) =>
      void checked(libc().send(fd, frame, BigInt(frame.length), 0), `send by ${device}`),
    receive() {
      const buffer = Buffer.alloc(MAX_FRAME_BYTES)
      // On a thread of its own, which the socket's timeout sets free again.
      const received = readAsync(fd, buffer, 0, buffer.length, null).then(
        ({ bytesRead }) => Uint8Array.from(buffer.subarray(0, bytesRead)),
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EAGAIN') return undefined
          throw error
        },
      )
      receiving = received.catch(() => {})
      return received
    },
    async [Symbol.asyncDispose]() {
      await receiving
      closeSync(fd)
    },
  }
}

function openBound(device: string, netns: Netns | undefined, op: string): number {
  using rtnetlink = openRtnetlink(netns)
  const index = rtnetlink.link(device)?.index
  if (index === undefined) throw new KernelError(op, 'ENODEV')
  const type = SOCK_RAW | SOCK_CLOEXEC
  const open = () => libc().socket(AF_PACKET, type, PROTOCOL_IPV4)
  const fd = checked(netns ? inNetns(netns, open) : open(), op)
  try {
    const address = Buffer.alloc(SOCKADDR_LL_BYTES)
    address.writeUInt16LE(AF_PACKET, 0)
    address.writeUInt16LE(PROTOCOL_IPV4, 2)
    address.writeInt32LE(index, 4)
    checked(libc().bind(fd, address, address.length), op)
    const timeval = new Uint8Array(new BigInt64Array([0n, RECEIVE_TIMEOUT_MICROSECONDS]).buffer)
    checked(libc().setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeval, timeval.length), op)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
