import { type CIDR, cidr, networkOf } from '#ip/cidr.ts'
import { type IP, ipFromBytes } from '#ip/ip.ts'
import { type DHCPMessage, OPTION } from '#wire/dhcp/message.ts'
import type { CNIRoute } from '../../protocol/result.ts'

/** What a server gave, for how long. */
export interface DHCPLease {
  readonly address: CIDR
  readonly server?: IP
  readonly gateway?: IP
  readonly routes: readonly CNIRoute[]
  readonly seconds: {
    readonly renewal: number
    readonly rebinding: number
    readonly expiry: number
  }
}

const DEFAULT_LEASE_SECONDS = 3600
/** RT_SCOPE_LINK. */
const SCOPE_LINK = 253

/** @throws Error where the server left out what an address cannot do without */
export function parseLease({ yourIP, options }: DHCPMessage): DHCPLease {
  const mask = options.get(OPTION.subnetMask)
  if (mask?.length !== 4) throw new Error('DHCP option Subnet Mask not found in DHCPACK')
  const prefixLength = Math.clz32(~Buffer.from(mask).readUInt32BE())
  const expiry = secondsOf(options, OPTION.leaseTime) ?? DEFAULT_LEASE_SECONDS
  const [gateway] = addressesOf(options.get(OPTION.router))
  const [server] = addressesOf(options.get(OPTION.serverID))
  return {
    address: { address: yourIP!, prefixLength },
    ...(server && { server }),
    ...(gateway && { gateway }),
    routes: routesOf(options, gateway),
    seconds: {
      // RFC 2131, 4.4.5
      renewal: secondsOf(options, OPTION.renewalTime) ?? expiry / 2,
      rebinding: secondsOf(options, OPTION.rebindingTime) ?? expiry * 0.85,
      expiry,
    },
  }
}

function secondsOf(options: DHCPMessage['options'], code: number): number | undefined {
  const value = options.get(code)
  return value?.length === 4 ? Buffer.from(value).readUInt32BE() : undefined
}

function addressesOf(value: Uint8Array = new Uint8Array(0)): readonly IP[] {
  const count = Math.floor(value.length / 4)
  return Array.from({ length: count }, (_, i) => ipFromBytes(value.subarray(i * 4, i * 4 + 4)))
}

/** Where there are classless routes, nothing else counts (RFC 3442); else the classful ones, and the router's. */
function routesOf(options: DHCPMessage['options'], gateway: IP | undefined): readonly CNIRoute[] {
  const classless = parseClasslessRoutes(options.get(OPTION.classlessRoutes))
  if (classless.length > 0) return classless
  const addresses = addressesOf(options.get(OPTION.staticRoutes))
  const classful = addresses.flatMap((address, i) => {
    const router = addresses[i + 1]
    return i % 2 === 0 && router ? [{ destination: classOf(address), gateway: router }] : []
  })
  return [...classful, ...(gateway ? [{ destination: cidr('0.0.0.0/0'), gateway }] : [])]
}

/** A prefix length, as many bytes as it takes, and the router; 0.0.0.0 is "on this link". */
export function parseClasslessRoutes(value: Uint8Array = new Uint8Array(0)): readonly CNIRoute[] {
  const routes: CNIRoute[] = []
  for (let at = 0; at < value.length; ) {
    const prefixLength = value[at]!
    const width = Math.ceil(prefixLength / 8)
    if (prefixLength > 32 || at + 1 + width + 4 > value.length) return []
    const bytes = new Uint8Array(4)
    bytes.set(value.subarray(at + 1, at + 1 + width))
    const destination = networkOf({ address: ipFromBytes(bytes), prefixLength })
    const router = ipFromBytes(value.subarray(at + 1 + width, at + 5 + width))
    routes.push({
      destination,
      ...(router === '0.0.0.0' ? { scope: SCOPE_LINK } : { gateway: router }),
    })
    at += 5 + width
  }
  return routes
}

/** Of before there were prefix lengths: by the first bits. */
function classOf(address: IP): CIDR {
  const first = Number(address.split('.')[0])
  const prefixLength = first < 128 ? 8 : first < 192 ? 16 : 24
  return networkOf({ address, prefixLength })
}
