import { familyOf } from '#ip/ip.ts'
import { AF_UNSPEC } from '#wire/netlink/family.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from '#wire/netlink/message.ts'
import {
  decodeRoute,
  encodeRoute,
  type RouteMessage,
  RT_SCOPE,
  RT_TABLE_MAIN,
  RTM_DELROUTE,
  RTM_F_CLONED,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN,
  RTNH_F_ONLINK,
  RTPROT_BOOT,
} from '#wire/netlink/route.ts'
import { KernelError } from '../kernel-error.ts'
import { describeRoute } from './describe.ts'
import { deviceIndex, deviceNames } from './device-names.ts'
import type { Route, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'
import { deleteUnlessMissing, LEADS_NOWHERE } from './unless-missing.ts'

type RouteCalls = Pick<Rtnetlink, 'routes' | 'deviceTo' | 'replaceRoute' | 'deleteRoute'>

export function routeCalls(socket: NetlinkSocket): RouteCalls {
  const indexOf = (route: Route, op: string) =>
    route.device === undefined ? {} : { index: deviceIndex(socket, route.device, op) }
  return {
    routes({ table = RT_TABLE_MAIN } = {}) {
      const nameOf = deviceNames(socket)
      const request = new Uint8Array(12).fill(AF_UNSPEC)
      return socket
        .dump('list routes', RTM_GETROUTE, request)
        .map(decodeRoute)
        .filter((message) => message !== undefined)
        .filter((message) => table === 'all' || message.table === table)
        .flatMap((message) => toRoute(message, nameOf) ?? [])
    },
    deviceTo(address) {
      const family = familyOf(address)
      const destination = { address, prefixLength: family === 4 ? 32 : 128 }
      const open = { table: 0, protocol: 0, scope: 0, type: 0, flags: 0 }
      const body = encodeRoute({ family, destination, ...open })
      try {
        const found = decodeRoute(socket.query(`find a route to ${address}`, RTM_GETROUTE, body))
        return found?.index === undefined ? undefined : deviceNames(socket)(found.index)
      } catch (error) {
        if (error instanceof KernelError && LEADS_NOWHERE.includes(error.errno)) return undefined
        throw error
      }
    },
    replaceRoute(route) {
      const op = `add ${describeRoute(route)}`
      const body = encodeRoute({ ...toMessage(route), ...indexOf(route, op) })
      socket.request(op, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body)
    },
    deleteRoute(route) {
      const op = `delete ${describeRoute(route)}`
      return deleteUnlessMissing(['ESRCH', 'ENODEV'], () => {
        const message = { ...toMessage(route), ...indexOf(route, op) }
        // What the caller leaves open matches anything, as in `ip route del`.
        const open = {
          ...(route.scope === undefined && { scope: RT_SCOPE.nowhere }),
          ...(route.type === undefined && { type: 0 }),
          ...(route.protocol === undefined && { protocol: 0 }),
        }
        socket.request(op, RTM_DELROUTE, 0, encodeRoute({ ...message, ...open }))
      })
    },
  }
}

function toMessage(route: Route): RouteMessage {
  const { family, destination, gateway, source, type = 'unicast' } = route
  const { priority, mtuBytes, advertisedMSS } = route
  return {
    family,
    table: route.table ?? RT_TABLE_MAIN,
    protocol: route.protocol ?? RTPROT_BOOT,
    scope: RT_SCOPE[route.scope ?? defaultScope(route)],
    type: RTN[type],
    flags: route.onlink ? RTNH_F_ONLINK : 0,
    ...(destination && { destination }),
    ...(gateway !== undefined && { gateway }),
    ...(source !== undefined && { source }),
    ...(priority !== undefined && { priority }),
    ...(mtuBytes !== undefined && { mtuBytes }),
    ...(advertisedMSS !== undefined && { advertisedMSS }),
  }
}

/** As iproute2 chooses: what needs no gateway is as near as the link, what is ours is within the host. */
function defaultScope({ type = 'unicast', gateway }: Route): keyof typeof RT_SCOPE {
  if (type === 'local') return 'host'
  return type === 'unicast' && gateway === undefined ? 'link' : 'universe'
}

function toRoute(
  message: RouteMessage,
  nameOf: (index: number) => string | undefined,
): Route | undefined {
  const { family, destination, gateway, source, index, table, protocol, flags } = message
  const { mtuBytes, advertisedMSS } = message
  const type = TYPES.get(message.type)
  const scope = SCOPES.get(message.scope)
  const device = index === undefined ? undefined : nameOf(index)
  if (type === undefined || flags & RTM_F_CLONED) return undefined
  return {
    family,
    protocol,
    ...(destination && { destination }),
    ...(gateway !== undefined && { gateway }),
    ...(device !== undefined && { device }),
    ...(source !== undefined && { source }),
    ...(scope !== undefined && { scope }),
    ...(flags & RTNH_F_ONLINK && { onlink: true }),
    ...(type !== 'unicast' && { type }),
    ...(table !== RT_TABLE_MAIN && { table }),
    ...toPriority(message),
    ...(mtuBytes !== undefined && { mtuBytes }),
    ...(advertisedMSS !== undefined && { advertisedMSS }),
  }
}

/** IPv6 routes always have a metric: 1024 where nobody named one (IP6_RT_PRIO_USER). */
function toPriority({ family, priority }: RouteMessage): Pick<Route, 'priority'> {
  return priority === undefined || (family === 6 && priority === IP6_RT_PRIO_USER)
    ? {}
    : { priority }
}

const IP6_RT_PRIO_USER = 1024

const TYPES = new Map(
  (Object.keys(RTN) as (keyof typeof RTN)[]).map((name) => [RTN[name] as number, name]),
)
const SCOPES = new Map(
  (['universe', 'link', 'host'] as const).map((name) => [RT_SCOPE[name] as number, name]),
)
