import { decodeAddress, RTM_DELADDR, RTM_NEWADDR } from '#wire/netlink/address.ts'
import { decodeAttributes } from '#wire/netlink/attributes.ts'
import { readText, readU32 } from '#wire/netlink/bytes.ts'
import { RTM_DELLINK, RTM_NEWLINK } from '#wire/netlink/link.ts'
import { decodeMessages, type Message } from '#wire/netlink/message.ts'
import { RTM_DELNEIGH, RTM_NEWNEIGH } from '#wire/netlink/neighbour.ts'
import { decodeRoute, RTM_DELROUTE, RTM_NEWROUTE } from '#wire/netlink/route.ts'
import { lastErrno, libc } from '../ffi/libc.ts'
import { onReadable } from '../ffi/on-readable.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'
import { NETLINK_NETFILTER, NETLINK_ROUTE, openNotificationSocket } from './notification-socket.ts'
import type { KernelChange } from './watch-changes.ts'

/** RTNLGRP_* of include/uapi/linux/rtnetlink.h: link, neigh (FDB entries too), IPv4 and IPv6 addresses and routes. */
const ROUTE_GROUPS = [1, 3, 5, 7, 9, 11]
/** NFNLGRP_NFTABLES of include/uapi/linux/netfilter/nfnetlink.h. */
const NFTABLES_GROUPS = [7]
const NFNL_SUBSYS_NFTABLES = 10
/** `struct nfgenmsg`; then NFTA_*_TABLE, which is 1 in every kind of message that has a table. */
const NFGENMSG_BYTES = 4
const NFTA_TABLE = 1
const RECEIVE_BYTES = 64 * 1024

export function watchBySystemCalls(
  changed: (change: KernelChange) => void,
  netns: Netns | undefined,
): Disposable {
  const stack = new DisposableStack()
  try {
    stack.use(watch(NETLINK_ROUTE, ROUTE_GROUPS, changed, netns))
    stack.use(watch(NETLINK_NETFILTER, NFTABLES_GROUPS, changed, netns))
    return stack
  } catch (error) {
    stack.dispose()
    throw error
  }
}

function watch(
  protocol: number,
  groups: readonly number[],
  changed: (change: KernelChange) => void,
  netns: Netns | undefined,
): Disposable {
  const fd = openNotificationSocket(protocol, groups, netns)
  const stack = new DisposableStack()
  stack.defer(() => libc().close(fd))
  try {
    stack.use(onReadable(fd, () => receiveAll(fd, changed)))
    return stack
  } catch (error) {
    stack.dispose()
    throw error
  }
}

function receiveAll(fd: number, changed: (change: KernelChange) => void): void {
  const buffer = new Uint8Array(RECEIVE_BYTES)
  for (;;) {
    const length = Number(libc().recv(fd, buffer, BigInt(buffer.length), 0))
    if (length >= 0) {
      for (const message of decodeMessages(buffer.slice(0, length))) {
        const change = toChange(message)
        if (change) changed(change)
      }
      continue
    }
    const errno = lastErrno()
    if (errno === 'EINTR') continue
    if (errno === 'EAGAIN') return
    if (errno !== 'ENOBUFS') throw new KernelError('read a change of the kernel', errno)
    changed({ kind: 'anything' })
  }
}

function toChange({ type, body }: Message): KernelChange | undefined {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return toLinkChange(body)
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return toAddressChange(body)
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return { kind: 'neighbour', index: readU32(body, 4, 'neighbour change') }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return toRouteChange(body)
  }
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return undefined
  const table = decodeAttributes(body, NFGENMSG_BYTES, 'nftables change').get(NFTA_TABLE)
  // The message that ends a transaction names a generation by a number there: that is no table's name.
  return table && table.length > 4 ? { kind: 'nftables', table: readText(table) } : undefined
}

/** IFLA_IFNAME and IFLA_IFALIAS, after `struct ifinfomsg`: the rest of such a message is long. */
const [IFLA_IFNAME, IFLA_IFALIAS, IFINFOMSG_BYTES] = [3, 20, 16]

function toLinkChange(body: Uint8Array): KernelChange {
  const attributes = decodeAttributes(body, IFINFOMSG_BYTES, 'link change')
  const [name, alias] = [attributes.get(IFLA_IFNAME), attributes.get(IFLA_IFALIAS)]
  return {
    kind: 'link',
    index: readU32(body, 4, 'link change'),
    ...(name && { name: readText(name) }),
    ...(alias && { alias: readText(alias) }),
  }
}

function toAddressChange(body: Uint8Array): KernelChange {
  const { index, address } = decodeAddress(body)
  return { kind: 'address', index, address: address.address }
}

function toRouteChange(body: Uint8Array): KernelChange | undefined {
  const route = decodeRoute(body)
  if (!route) return undefined
  const { table, protocol, destination, index } = route
  return {
    kind: 'route',
    table,
    protocol,
    ...(destination && { destination }),
    ...(index !== undefined && { index }),
  }
}
