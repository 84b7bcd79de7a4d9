import { type CIDR, formatCIDR, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { CNI_CODE, CNIError } from './cni-error.ts'
import { type Fields, isObject, readFields } from './fields.ts'
import { type CNIVersion, isAtLeast } from './version.ts'

/** What an attachment has come to, in the shape of 1.1.0; older shapes are made and read at the edge. */
export interface CNIResult {
  readonly interfaces: readonly CNIInterface[]
  readonly ips: readonly CNIAddress[]
  readonly routes: readonly CNIRoute[]
  readonly dns: Readonly<Record<string, unknown>>
}

export interface CNIInterface {
  readonly name: string
  readonly mac?: string
  readonly mtu?: number
  /** Path of the namespace that the interface is in; absent for those of the node. */
  readonly sandbox?: string
  /** Of devices that are no links of the kernel: where to reach them (since 1.1.0). */
  readonly socketPath?: string
  readonly pciID?: string
}

export interface CNIAddress {
  /** With the prefix length that the pod's interface has it with. */
  readonly address: CIDR
  readonly gateway?: IP
  /** Index into `interfaces`. */
  readonly interface?: number
}

export interface CNIRoute {
  readonly destination: CIDR
  readonly gateway?: IP
  /** These since 1.1.0, as iproute2 has them; `scope` by number. */
  readonly mtu?: number
  readonly advmss?: number
  readonly priority?: number
  readonly table?: number
  readonly scope?: number
}

export const EMPTY_RESULT: CNIResult = { interfaces: [], ips: [], routes: [], dns: {} }

/** The result as JSON of `version` (SPEC.md of that version, "Result"; types/020, 040, 100 of containernetworking/cni). */
export function encodeResult(result: CNIResult, version: CNIVersion): object {
  if (!isAtLeast(version, '0.3.0')) return encodeOldest(result, version)
  const { interfaces, ips, routes, dns } = result
  return {
    cniVersion: version,
    ...(interfaces.length > 0 && {
      interfaces: interfaces.map((each) => encodeInterface(each, version)),
    }),
    ...(ips.length > 0 && {
      ips: ips.map(({ address, gateway, interface: index }) => ({
        ...(!isAtLeast(version, '1.0.0') && { version: `${familyOf(address.address)}` }),
        ...(index !== undefined && { interface: index }),
        address: formatCIDR(address),
        ...(gateway && { gateway }),
      })),
    }),
    ...(routes.length > 0 && { routes: routes.map((each) => encodeRoute(each, version)) }),
    dns,
  }
}

/** Before 0.3.0 an attachment had at most one address of each family, and no interfaces. */
function encodeOldest({ ips, routes, dns }: CNIResult, version: CNIVersion): object {
  const ofFamily = (family: 4 | 6) => {
    const found = ips.find(({ address }) => familyOf(address.address) === family)
    if (!found) return undefined
    const own = routes.filter(({ destination }) => familyOf(destination.address) === family)
    return {
      ip: formatCIDR(found.address),
      ...(found.gateway && { gateway: found.gateway }),
      ...(own.length > 0 && { routes: own.map((each) => encodeRoute(each, version)) }),
    }
  }
  const [ip4, ip6] = [ofFamily(4), ofFamily(6)]
  if (!ip4 && !ip6) {
    throw new CNIError(CNI_CODE.internal, 'cannot convert: no valid IP addresses')
  }
  return { cniVersion: version, ...(ip4 && { ip4 }), ...(ip6 && { ip6 }), dns }
}

function encodeInterface(
  { name, mac, mtu, sandbox, ...device }: CNIInterface,
  version: CNIVersion,
): object {
  const isNewest = isAtLeast(version, '1.1.0')
  return {
    name,
    ...(mac !== undefined && { mac }),
    ...(isNewest && mtu !== undefined && { mtu }),
    ...(sandbox !== undefined && { sandbox }),
    ...(isNewest && device),
  }
}

function encodeRoute({ destination, gateway, ...metrics }: CNIRoute, version: CNIVersion): object {
  return {
    dst: formatCIDR(destination),
    ...(gateway && { gw: gateway }),
    ...(isAtLeast(version, '1.1.0') && metrics),
  }
}

/** Reads a result of `version`, as in `prevResult` or from a delegate. @throws CNIError */
export function decodeResult(value: unknown, version: CNIVersion): CNIResult {
  try {
    const fields = readFields(value, 'result')
    return isAtLeast(version, '0.3.0') ? decodeNewer(fields) : decodeOldest(fields)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CNIError(CNI_CODE.decode, `could not parse prevResult: ${why}`, { cause })
  }
}

function decodeNewer(fields: Fields): CNIResult {
  const dns = fields.raw('dns')
  return {
    interfaces: fields.list('interfaces').map((each) => {
      const one = readFields(each, 'interfaces')
      const mtu = one.number('mtu')
      return {
        name: one.text('name') ?? '',
        ...textsOf(one, ['mac']),
        ...(mtu && { mtu }),
        ...textsOf(one, ['sandbox', 'socketPath', 'pciID']),
      }
    }),
    ips: fields.list('ips').map((each) => {
      const one = readFields(each, 'ips')
      const index = one.number('interface')
      return { ...readAddress(one, 'address'), ...(index !== undefined && { interface: index }) }
    }),
    routes: decodeRoutes(fields.list('routes')),
    dns: isObject(dns) ? dns : {},
  }
}

function decodeOldest(fields: Fields): CNIResult {
  const dns = fields.raw('dns')
  const families = ['ip4', 'ip6'].filter((key) => fields.raw(key) !== undefined)
  return {
    interfaces: [],
    ips: families.map((key) => readAddress(fields.object(key), 'ip')),
    routes: families.flatMap((key) => decodeRoutes(fields.object(key).list('routes'))),
    dns: isObject(dns) ? dns : {},
  }
}

function readAddress(fields: Fields, key: string): Pick<CNIAddress, 'address' | 'gateway'> {
  const text = fields.text(key) ?? ''
  const address = parseInterfaceAddress(text)
  if (!address) throw new SyntaxError(`invalid CIDR address: ${text}`)
  const gateway = readIP(fields, 'gateway')
  return { address, ...(gateway && { gateway }) }
}

/** Routes as in results and in IPAM configurations. @throws SyntaxError */
export function decodeRoutes(list: readonly unknown[]): readonly CNIRoute[] {
  return list.map((each) => {
    const fields = readFields(each, 'routes')
    const text = fields.text('dst') ?? ''
    const parsed = parseInterfaceAddress(text)
    if (!parsed) throw new SyntaxError(`invalid CIDR address: ${text}`)
    const gateway = readIP(fields, 'gw')
    return {
      destination: networkOf(parsed),
      ...(gateway && { gateway }),
      ...numbersOf(fields, ['mtu', 'advmss', 'priority'], isPositive),
      ...numbersOf(fields, ['table', 'scope'], () => true),
    }
  })
}

/** In Go these are absent where they are 0. */
function isPositive(value: number): boolean {
  return value !== 0
}

function numbersOf<K extends string>(
  fields: Fields,
  keys: readonly K[],
  isTold: (value: number) => boolean,
): { readonly [key in K]?: number } {
  const found = keys.flatMap((key) => {
    const value = fields.number(key)
    return value !== undefined && isTold(value) ? [[key, value] as const] : []
  })
  return Object.fromEntries(found) as { readonly [key in K]?: number }
}

function textsOf<K extends string>(
  fields: Fields,
  keys: readonly K[],
): { readonly [key in K]?: string } {
  const found = keys.flatMap((key) => {
    const value = fields.text(key)
    return value ? [[key, value] as const] : []
  })
  return Object.fromEntries(found) as { readonly [key in K]?: string }
}

function readIP(fields: Fields, key: string): IP | undefined {
  const text = fields.text(key)
  if (text === undefined || text === '') return undefined
  const parsed = parseIP(text)
  if (!parsed) throw new SyntaxError(`invalid IP address: ${text}`)
  return parsed
}
