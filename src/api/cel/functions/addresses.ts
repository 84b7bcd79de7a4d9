/** Addresses and networks. Source: apiserver pkg/cel/library/{ip,cidr}.go. */
import { type CIDR, cidrContains, formatCIDR, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'
import { familyOf, type IP, ipToBytes, parseIP } from '#ip/ip.ts'
import { quoteLikeGo } from '../../field-error.ts'
import { type Functions, member, overload } from '../functions.ts'
import { BOOL, INT, opaque, STRING } from '../types.ts'
import { Failure, fail, noOverload, Opaque, type Value } from '../values.ts'

class Address extends Opaque {
  override readonly typeName = 'net.IP'
  readonly ip: IP
  constructor(ip: IP) {
    super()
    this.ip = ip
  }
  override size(): number {
    return familyOf(this.ip) === 4 ? 4 : 16
  }
  override equals(other: Opaque): boolean {
    return other instanceof Address && other.ip === this.ip
  }
  override toString(): string {
    return this.ip
  }
}

class Network extends Opaque {
  override readonly typeName = 'net.CIDR'
  readonly cidr: CIDR
  constructor(cidr: CIDR) {
    super()
    this.cidr = cidr
  }
  override size(): number {
    return Math.ceil(this.cidr.prefixLength / 8)
  }
  override equals(other: Opaque): boolean {
    return other instanceof Network && formatCIDR(other.cidr) === formatCIDR(this.cidr)
  }
  override toString(): string {
    return formatCIDR(this.cidr)
  }
}

const IP_TYPE = opaque<Address>('net.IP')
const CIDR_TYPE = opaque<Network>('net.CIDR')

const isMapped = (text: string) => /^(?:0{0,4}:){2,5}ffff:/i.test(text) || /^::ffff:/i.test(text)

/** Why a text is no address, as Go's netip.ParseAddr says it of the common mistakes. */
function whyNoAddress(text: string): string {
  const quoted = quoteLikeGo(text)
  const because = (why: string) => `ParseAddr(${quoted}): ${why}`
  const isV4 = /^[^:]*\./.test(text)
  if (!isV4) return because('unable to parse IP')
  const parts = text.split('.')
  if (!/^[\d.]*$/.test(text)) return because('unexpected character')
  if (parts.some((part) => part === '')) return because('IPv4 field must have at least one digit')
  if (parts.some((part) => part.length > 1 && part.startsWith('0')))
    return because('IPv4 field has octet with leading zero')
  if (parts.some((part) => Number(part) > 255)) return because('IPv4 field has value >255')
  return because(parts.length < 4 ? 'IPv4 address too short' : 'IPv4 address too long')
}

function parseAddress(text: string): Address | Failure {
  const ip = text.length > 64 ? undefined : parseIP(text)
  if (ip !== undefined) return new Address(ip)
  const quoted = quoteLikeGo(text)
  if (/^[^%]*:[^%]*%.+$/s.test(text))
    return fail(`IP address ${quoted} with zone value is not allowed`)
  if (isMapped(text)) return fail(`IPv4-mapped IPv6 address ${quoted} is not allowed`)
  return fail(
    `IP Address ${quoted} parse error during conversion from string: ${whyNoAddress(text)}`,
  )
}

const AT_CONVERSION = 'network address parse error during conversion from string: '

function parseNetwork(text: string): Network | Failure {
  const cidr = text.length > 64 ? undefined : parseInterfaceAddress(text)
  if (cidr) return new Network(cidr)
  const quoted = quoteLikeGo(text)
  if (isMapped(text))
    return fail(`${AT_CONVERSION}IPv4-mapped IPv6 address ${quoted} is not allowed`)
  const because = (why: string) =>
    fail(`${AT_CONVERSION}${AT_CONVERSION}netip.ParsePrefix(${quoted}): ${why}`)
  const slash = text.lastIndexOf('/')
  if (slash < 0) return because("no '/'")
  const [address, bits] = [text.slice(0, slash), text.slice(slash + 1)]
  if (address.includes('%')) return because('IPv6 zones cannot be present in a prefix')
  if (parseIP(address) === undefined) return because(whyNoAddress(address))
  if (!/^(?:0|[1-9]\d*)$/.test(bits)) return because(`bad bits after slash: ${quoteLikeGo(bits)}`)
  return because('prefix length out of range')
}

const contains = (network: Network, address: Address): boolean =>
  cidrContains(networkOf(network.cidr), address.ip)

const containsNetwork = ({ cidr }: Network, { cidr: other }: Network): boolean =>
  cidr.prefixLength <= other.prefixLength && cidrContains(networkOf(cidr), other.address)

const first = ({ ip }: Address): number => ipToBytes(ip)[0]!
const second = ({ ip }: Address): number => ipToBytes(ip)[1]!
const isV4 = ({ ip }: Address): boolean => familyOf(ip) === 4
const isUnspecified = ({ ip }: Address): boolean => ip === '0.0.0.0' || ip === '::'
const isLoopback = (address: Address): boolean =>
  isV4(address) ? first(address) === 127 : address.ip === '::1'
const isMulticast = (address: Address): boolean =>
  isV4(address) ? first(address) >> 4 === 14 : first(address) === 255
const isLinkLocalUnicast = (address: Address): boolean =>
  isV4(address)
    ? first(address) === 169 && second(address) === 254
    : first(address) === 254 && second(address) >> 6 === 2
const isLinkLocalMulticast = (address: Address): boolean =>
  isV4(address)
    ? address.ip.startsWith('224.0.0.')
    : first(address) === 255 && (second(address) & 15) === 2
const isGlobalUnicast = (address: Address): boolean =>
  address.ip !== '255.255.255.255' &&
  !isUnspecified(address) &&
  !isLoopback(address) &&
  !isMulticast(address) &&
  !isLinkLocalUnicast(address)

const is = (id: string, test: (address: Address) => boolean) => [member(id, [IP_TYPE], BOOL, test)]

export const addressFunctions: Functions = {
  ip: [
    overload('string_to_ip', [STRING], IP_TYPE, parseAddress),
    member('cidr_ip', [CIDR_TYPE], IP_TYPE, ({ cidr }) => new Address(cidr.address)),
  ],
  family: [member('ip_family', [IP_TYPE], INT, ({ ip }) => BigInt(familyOf(ip)))],
  'ip.isCanonical': [
    overload('ip_is_canonical', [STRING], BOOL, (text): Value => {
      const address = parseAddress(text)
      return address instanceof Failure ? address : address.ip === text
    }),
  ],
  isUnspecified: is('ip_is_unspecified', isUnspecified),
  isLoopback: is('ip_is_loopback', isLoopback),
  isLinkLocalMulticast: is('ip_is_link_local_multicast', isLinkLocalMulticast),
  isLinkLocalUnicast: is('ip_is_link_local_unicast', isLinkLocalUnicast),
  isGlobalUnicast: is('ip_is_global_unicast', isGlobalUnicast),
  isIP: [overload('is_ip', [STRING], BOOL, (text) => parseAddress(text) instanceof Address)],
  string: [
    overload('ip_to_string', [IP_TYPE], STRING, String),
    overload('cidr_to_string', [CIDR_TYPE], STRING, String),
  ],
  cidr: [overload('string_to_cidr', [STRING], CIDR_TYPE, parseNetwork)],
  containsIP: [
    member('cidr_contains_ip_string', [CIDR_TYPE, STRING], BOOL, (network, text) => {
      const address = parseAddress(text)
      return address instanceof Failure ? noOverload() : contains(network, address)
    }),
    member('cidr_contains_ip_ip', [CIDR_TYPE, IP_TYPE], BOOL, contains),
  ],
  containsCIDR: [
    member('cidr_contains_cidr_string', [CIDR_TYPE, STRING], BOOL, (network, text) => {
      const other = parseNetwork(text)
      return other instanceof Failure ? noOverload() : containsNetwork(network, other)
    }),
    member('cidr_contains_cidr', [CIDR_TYPE, CIDR_TYPE], BOOL, containsNetwork),
  ],
  prefixLength: [
    member('cidr_prefix_length', [CIDR_TYPE], INT, ({ cidr }) => BigInt(cidr.prefixLength)),
  ],
  masked: [
    member('cidr_masked', [CIDR_TYPE], CIDR_TYPE, ({ cidr }) => new Network(networkOf(cidr))),
  ],
  isCIDR: [overload('is_cidr', [STRING], BOOL, (text) => parseNetwork(text) instanceof Network)],
}
