import { familyOf } from '#ip/ip.ts'
import { AF_INET, AF_INET6, AF_UNSPEC } from '#wire/netlink/family.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from '#wire/netlink/message.ts'
import {
  decodeNeighbour,
  encodeNeighbour,
  type NeighbourMessage,
  NTF_PROXY,
  NUD,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from '#wire/netlink/neighbour.ts'
import { describeNeighbour } from './describe.ts'
import { deviceIndex, deviceNames } from './device-names.ts'
import type { Neighbour, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'
import { deleteUnlessMissing } from './unless-missing.ts'

type NeighbourCalls = Pick<Rtnetlink, 'neighbours' | 'replaceNeighbour' | 'deleteNeighbour'>

export function neighbourCalls(socket: NetlinkSocket): NeighbourCalls {
  /** Proxy entries are a table of their own: they are listed only when asked for. */
  const list = (flags: number) => {
    const request = encodeNeighbour({ family: AF_UNSPEC, index: 0, state: 0, flags })
    return socket.dump('list neighbours', RTM_GETNEIGH, request).map(decodeNeighbour)
  }
  return {
    neighbours() {
      const nameOf = deviceNames(socket)
      return [...list(0), ...list(NTF_PROXY)].flatMap(
        (message) => toNeighbour(message, nameOf(message.index)) ?? [],
      )
    },
    replaceNeighbour(neighbour) {
      const op = `add ${describeNeighbour(neighbour)}`
      const body = encodeNeighbour(toMessage(neighbour, deviceIndex(socket, neighbour.device, op)))
      socket.request(op, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body)
    },
    deleteNeighbour(neighbour) {
      const op = `delete ${describeNeighbour(neighbour)}`
      return deleteUnlessMissing(['ENOENT', 'ENODEV'], () => {
        const message = toMessage(neighbour, deviceIndex(socket, neighbour.device, op))
        socket.request(op, RTM_DELNEIGH, 0, encodeNeighbour(message))
      })
    },
  }
}

function toMessage(neighbour: Neighbour, index: number): NeighbourMessage {
  const { ip, mac, proxy, state = 'permanent' } = neighbour
  return {
    family: familyOf(ip) === 4 ? AF_INET : AF_INET6,
    index,
    state: state === 'other' ? NUD.permanent : NUD[state],
    flags: proxy ? NTF_PROXY : 0,
    ip,
    ...(mac !== undefined && { mac }),
  }
}

function toNeighbour(
  { family, ip, mac, state, flags }: NeighbourMessage,
  device: string | undefined,
): Neighbour | undefined {
  if (ip === undefined || device === undefined) return undefined
  if (family !== AF_INET && family !== AF_INET6) return undefined
  if (flags & NTF_PROXY) return { device, ip, proxy: true }
  return { device, ip, ...(mac !== undefined && { mac }), state: stateOf(state) }
}

function stateOf(state: number): NonNullable<Neighbour['state']> {
  const named = ['permanent', 'reachable', 'stale', 'failed', 'noarp'] as const
  return named.find((name) => state & NUD[name]) ?? 'other'
}
