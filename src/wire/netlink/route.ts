import type { CIDR } from '#ip/cidr.ts'
import { type IP, ipToBytes } from '#ip/ip.ts'
import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeIP,
  decodeOptional,
  nested,
  optional,
} from './attributes.ts'
import { concat, readU8, readU32, u32 } from './bytes.ts'
import { defined } from './defined.ts'
import { AF_INET, AF_INET6 } from './family.ts'

export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26

export const RT_TABLE_MAIN = 254
export const RTPROT_BOOT = 3
export const RT_SCOPE = { universe: 0, link: 253, host: 254, nowhere: 255 } as const
export const RTN = { unicast: 1, local: 2, blackhole: 6, unreachable: 7, prohibit: 8 } as const
/** The gateway is on the link, though no address of the link says so. */
export const RTNH_F_ONLINK = 4
/** An entry of a cache, not of a table. */
export const RTM_F_CLONED = 0x200

/** Body of RTM_*ROUTE: `struct rtmsg` and attributes (include/uapi/linux/rtnetlink.h). Numbers are the kernel's. */
export interface RouteMessage {
  readonly family: 4 | 6
  /** Absent for the default route. */
  readonly destination?: CIDR
  readonly table: number
  readonly protocol: number
  readonly scope: number
  readonly type: number
  readonly flags: number
  readonly gateway?: IP
  readonly source?: IP
  readonly index?: number
  readonly priority?: number
  readonly mtuBytes?: number
  readonly advertisedMSS?: number
}

const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, METRICS: 8, TABLE: 15 }
const RTAX = { MTU: 2, ADVMSS: 8 }
const RTMSG_BYTES = 12
const WHAT = 'route message'

export function encodeRoute(route: RouteMessage): Uint8Array {
  const { destination, table } = route
  return concat([
    Uint8Array.of(
      route.family === 4 ? AF_INET : AF_INET6,
      destination?.prefixLength ?? 0,
      0, // source prefix
      0, // type of service
      table < 256 ? table : 0, // too big for the byte: RTA_TABLE says it
      route.protocol,
      route.scope,
      route.type,
    ),
    u32(route.flags),
    concatAttributes([
      destination && attribute(RTA.DST, ipToBytes(destination.address)),
      optional(RTA.GATEWAY, route.gateway, ipToBytes),
      optional(RTA.PREFSRC, route.source, ipToBytes),
      table < 256 ? undefined : attribute(RTA.TABLE, u32(table)),
      optional(RTA.OIF, route.index, u32),
      optional(RTA.PRIORITY, route.priority, u32),
      encodeMetrics(route),
    ]),
  ])
}

/** `undefined` for routes of families other than IPv4 and IPv6: a dump of all families has them. */
export function decodeRoute(body: Uint8Array): RouteMessage | undefined {
  const family = readU8(body, 0, WHAT)
  const prefixLength = readU8(body, 1, WHAT)
  const [compatTable, protocol] = [readU8(body, 4, WHAT), readU8(body, 5, WHAT)]
  const [scope, type] = [readU8(body, 6, WHAT), readU8(body, 7, WHAT)]
  const flags = readU32(body, 8, WHAT)
  if (family !== AF_INET && family !== AF_INET6) return
  const attributes = decodeAttributes(body, RTMSG_BYTES, WHAT)
  const get = <T>(attributeType: number, decode: (value: Uint8Array) => T) =>
    decodeOptional(attributes, attributeType, decode)
  return {
    family: family === AF_INET ? 4 : 6,
    table: get(RTA.TABLE, asU32) ?? compatTable,
    protocol,
    scope,
    type,
    flags,
    ...defined({
      destination: get(RTA.DST, (value) => ({ address: decodeIP(value), prefixLength })),
      gateway: get(RTA.GATEWAY, decodeIP),
      source: get(RTA.PREFSRC, decodeIP),
      index: get(RTA.OIF, asU32),
      priority: get(RTA.PRIORITY, asU32),
    }),
    ...get(RTA.METRICS, decodeMetrics),
  }
}

function encodeMetrics({ mtuBytes, advertisedMSS }: RouteMessage): Uint8Array | undefined {
  if (mtuBytes === undefined && advertisedMSS === undefined) return
  return nested(RTA.METRICS, [
    optional(RTAX.MTU, mtuBytes, u32),
    optional(RTAX.ADVMSS, advertisedMSS, u32),
  ])
}

function decodeMetrics(value: Uint8Array): Pick<RouteMessage, 'mtuBytes' | 'advertisedMSS'> {
  const attributes = decodeAttributes(value, 0, WHAT)
  return defined({
    mtuBytes: decodeOptional(attributes, RTAX.MTU, asU32),
    advertisedMSS: decodeOptional(attributes, RTAX.ADVMSS, asU32),
  })
}

function asU32(value: Uint8Array): number {
  return readU32(value, 0, WHAT)
}
