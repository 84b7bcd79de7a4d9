import { checked, libc } from '../ffi/libc.ts'
import { inNetns, type Netns } from '../netns/netns.ts'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

/** A non-blocking netlink socket in `netns` (by default the caller's) that hears the multicast `groups`; the caller closes the descriptor. */
export function openNotificationSocket(
  protocol: number,
  groups: readonly number[],
  netns: Netns | undefined,
): number {
  const op = 'watch the kernel for changes'
  const open = () => libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)
  const fd = checked(netns ? inNetns(netns, open) : open(), op)
  try {
    const address = encodeNetlinkAddress(groups)
    checked(libc().bind(fd, address, address.length), op)
    return fd
  } catch (error) {
    libc().close(fd)
    throw error
  }
}

/** `struct sockaddr_nl`: family, the kernel's choice of a port, and a bit a group. */
function encodeNetlinkAddress(groups: readonly number[]): Uint8Array {
  const address = Buffer.alloc(12)
  address.writeUInt16LE(AF_NETLINK)
  address.writeUInt32LE(groups.reduce((mask, group) => mask | (1 << (group - 1)), 0) >>> 0, 8)
  return address
}
