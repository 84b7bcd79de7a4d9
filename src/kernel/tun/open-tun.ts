import { closeSync, constants, openSync } from 'node:fs'
import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { asKernelError, KernelError } from '../kernel-error.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

const TUNSETIFF = 0x400454can
const IFF_TUN = 0x0001
/** Packets as they are, without four bytes of header. */
const IFF_NO_PI = 0x1000
const IFREQ_BYTES = 40
const IFNAMSIZ = 16

/**
 * Makes a TUN device in `netns` and returns its descriptor, non-blocking: each read is a packet that was routed to the device, each
 * write one that comes out of it. The device lives as long as the descriptor. Source: Documentation/networking/tuntap.rst.
 * @throws KernelError EBUSY where the name is taken by another TUN's owner, EINVAL by another kind of link
 */
export function openTun(name: string, netns?: Netns): number {
  const op = `open TUN device ${name}`
  if (kernelBackend() === 'command')
    throw new KernelError(op, 'ENOSYS', { hint: 'this needs node:ffi' })
  if (name === '' || Buffer.byteLength(name) >= IFNAMSIZ)
    throw new KernelError(op, 'EINVAL', { hint: 'a name has 1 to 15 bytes' })
  const request = Buffer.alloc(IFREQ_BYTES)
  request.write(name)
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, IFNAMSIZ)
  const open = () => openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK)
  let fd: number
  try {
    // The device is made where the one who opens is.
    fd = netns ? inNetns(netns, open) : open()
  } catch (error) {
    throw asKernelError(op, error)
  }
  try {
    checked(libc().ioctl(fd, TUNSETIFF, request), op)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
