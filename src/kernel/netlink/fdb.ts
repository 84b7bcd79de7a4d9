import { AF_BRIDGE } from '#wire/netlink/family.ts'
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_REPLACE } from '#wire/netlink/message.ts'
import {
  decodeNeighbour,
  encodeNeighbour,
  type NeighbourMessage,
  NTF_MASTER,
  NTF_SELF,
  NUD,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '#wire/netlink/neighbour.ts'
import { describeFDBEntry } from './describe.ts'
import { deviceIndex, deviceNames } from './device-names.ts'
import { isFlooded, isListed } from './fdb-entry.ts'
import type { FDBEntry, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'
import { deleteUnlessMissing } from './unless-missing.ts'

type FDBCalls = Pick<Rtnetlink, 'fdb' | 'replaceFDBEntry' | 'deleteFDBEntry'>

export function fdbCalls(socket: NetlinkSocket): FDBCalls {
  const fdb = () => {
    const nameOf = deviceNames(socket)
    // For forwarding tables the kernel expects the body of a link request (rtnl_fdb_dump() in net/core/rtnetlink.c).
    const request = new Uint8Array(16)
    request[0] = AF_BRIDGE
    return socket
      .dump('list FDB entries', RTM_GETNEIGH, request)
      .map(decodeNeighbour)
      .flatMap((message) => toEntry(message, nameOf(message.index)) ?? [])
  }
  return {
    fdb,
    replaceFDBEntry(entry) {
      const op = `add ${describeFDBEntry(entry)}`
      const body = encodeNeighbour(toMessage(entry, deviceIndex(socket, entry.device, op)))
      const how = isFlooded(entry.mac) ? NLM_F_APPEND : NLM_F_REPLACE
      socket.request(op, RTM_NEWNEIGH, NLM_F_CREATE | how, body)
    },
    deleteFDBEntry(entry) {
      const op = `delete ${describeFDBEntry(entry)}`
      if (!isListed(entry, fdb())) return false
      return deleteUnlessMissing(['ENOENT', 'ENODEV'], () => {
        const message = toMessage(entry, deviceIndex(socket, entry.device, op))
        socket.request(op, RTM_DELNEIGH, 0, encodeNeighbour(message))
      })
    },
  }
}

/** With a destination it is a vxlan's own entry; without one it belongs to the bridge that the device is a port of. */
function toMessage(
  { mac, destination, permanent = true }: FDBEntry,
  index: number,
): NeighbourMessage {
  return {
    family: AF_BRIDGE,
    index,
    state: permanent ? NUD.permanent | NUD.noarp : NUD.reachable, // as bridge(8) says it
    flags: destination === undefined ? NTF_MASTER : NTF_SELF,
    mac,
    ...(destination !== undefined && { ip: destination }),
  }
}

function toEntry(
  { mac, ip, state }: NeighbourMessage,
  device: string | undefined,
): FDBEntry | undefined {
  if (mac === undefined || device === undefined) return undefined
  const permanent = (state & NUD.permanent) !== 0
  return { device, mac, permanent, ...(ip !== undefined && { destination: ip }) }
}
