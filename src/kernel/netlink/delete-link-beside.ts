import { write } from 'node:fs'
import { promisify } from 'node:util'
import { decodeAcknowledgement } from '#wire/netlink/acknowledgement.ts'
import { readI32, readU8 } from '#wire/netlink/bytes.ts'
import { AF_UNSPEC } from '#wire/netlink/family.ts'
import { encodeLink, RTM_DELLINK } from '#wire/netlink/link.ts'
import {
  decodeMessages,
  encodeMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_REQUEST,
  NLMSG_ERROR,
} from '#wire/netlink/message.ts'
import { kernelBackend } from '../backend.ts'
import { errnoName, lastErrno, libc } from '../ffi/libc.ts'
import { onReadable } from '../ffi/on-readable.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'
import { deviceIndexIfThere } from './device-names.ts'
import { NETLINK_ROUTE, openNotificationSocket } from './notification-socket.ts'
import { openRtnetlink } from './rtnetlink.ts'

const writeToPool = promisify(write)

const RTNLGRP_LINK = 1
const RECEIVE_BYTES = 64 * 1024
const SEQUENCE = 1

/**
 * Deletes a link of `netns` (by default the caller's) beside the event loop. The kernel takes a link off the lists within a millisecond and
 * says so; then, still within the same system call, it waits for all CPUs to let go of what it freed (rcu_barrier() in net/core/dev.c), which
 * takes 13 to 40. So the call is made by a thread of libuv's pool, and the promise resolves when the kernel has said that the link is gone.
 *
 * @returns whether there was one @throws KernelError
 */
export async function deleteLinkBeside(name: string, netns?: Netns): Promise<boolean> {
  if (kernelBackend() !== 'ffi') {
    using rtnetlink = openRtnetlink(netns)
    return rtnetlink.deleteLink(name)
  }
  const op = `delete link ${name}`
  const fd = openNotificationSocket(NETLINK_ROUTE, [RTNLGRP_LINK], netns)
  const index = deviceIndexIfThere({ fd }, name)
  if (index === undefined) {
    libc().close(fd)
    return false
  }
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const listen = () => {
    for (const message of receiveWaiting(fd)) {
      if (isDeletionOf(index, message)) resolve(true)
      if (message.type !== NLMSG_ERROR) continue
      const { errno } = decodeAcknowledgement(message)
      // Somebody else was first.
      if (errno === 0 || errnoName(errno) === 'ENODEV') resolve(errno === 0)
      else reject(new KernelError(op, errnoName(errno)))
    }
  }
  const listening = onReadable(fd, listen)
  const body = encodeLink({ index })
  const flags = NLM_F_REQUEST | NLM_F_ACK
  const request = encodeMessage({ type: RTM_DELLINK, flags, sequence: SEQUENCE, body })
  writeToPool(fd, request, 0, request.length, null)
    // Whatever was not heard of is known now.
    .then(listen)
    .then(() => resolve(deviceIndexIfThere({ fd }, name) !== index))
    .catch(reject)
    .finally(() => {
      listening[Symbol.dispose]()
      libc().close(fd)
    })
  return promise
}

/** Not that a bridge lost it as a port, which has the same type and another family. */
function isDeletionOf(index: number, { type, body }: Message): boolean {
  const what = 'link change'
  return (
    type === RTM_DELLINK && readU8(body, 0, what) === AF_UNSPEC && readI32(body, 4, what) === index
  )
}

/** Nothing where more came in than could be kept: the acknowledgement tells the end. */
function* receiveWaiting(fd: number): Generator<Message> {
  const buffer = new Uint8Array(RECEIVE_BYTES)
  for (;;) {
    const length = Number(libc().recv(fd, buffer, BigInt(buffer.length), 0))
    if (length >= 0) yield* decodeMessages(buffer.slice(0, length))
    else if (!['EINTR', 'ENOBUFS'].includes(lastErrno())) return
  }
}
