import { checked, lastErrno, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'
import type { NetlinkSocket } from './socket.ts'

/*
 * Names and indices of links, by ioctl(2) on the netlink socket: any socket answers these for its own namespace (netdevice(7)), for a
 * tenth of what asking rtnetlink for the whole link costs. Nothing is remembered: a link may be replaced by one of the same name.
 */

const SIOCGIFNAME = 0x8910n
const SIOCGIFINDEX = 0x8933n
/** `struct ifreq` on 64-bit machines: the name, then a union. */
const IFREQ_BYTES = 40
const IFNAMSIZ = 16

/** @throws KernelError ENODEV */
export function deviceIndex(socket: Pick<NetlinkSocket, 'fd'>, name: string, op: string): number {
  const request = Buffer.alloc(IFREQ_BYTES)
  // A longer name would be cut, and might then be another link's.
  if (name === '' || Buffer.byteLength(name) >= IFNAMSIZ) {
    throw new KernelError(op, 'ENODEV', { hint: `no link can be named ${JSON.stringify(name)}` })
  }
  request.write(name)
  if (libc().ioctl(socket.fd, SIOCGIFINDEX, request) < 0) {
    throw new KernelError(op, lastErrno(), { hint: `link ${name}` })
  }
  return request.readInt32LE(IFNAMSIZ)
}

export function deviceIndexIfThere(
  socket: Pick<NetlinkSocket, 'fd'>,
  name: string,
): number | undefined {
  try {
    return deviceIndex(socket, name, `look up link ${name}`)
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENODEV') return undefined
    throw error
  }
}

/** Looks names up once each, for the time of one listing. `undefined` for links that are gone by now. */
export function deviceNames(socket: NetlinkSocket): (index: number) => string | undefined {
  const names = new Map<number, string | undefined>()
  return (index) => {
    if (!names.has(index)) names.set(index, deviceName(socket, index))
    return names.get(index)
  }
}

function deviceName(socket: NetlinkSocket, index: number): string | undefined {
  const request = Buffer.alloc(IFREQ_BYTES)
  request.writeInt32LE(index, IFNAMSIZ)
  const result = libc().ioctl(socket.fd, SIOCGIFNAME, request)
  if (result < 0 && lastErrno() === 'ENODEV') return undefined
  checked(result, `find the name of link ${index}`)
  return request.toString('utf8', 0, request.indexOf(0))
}
