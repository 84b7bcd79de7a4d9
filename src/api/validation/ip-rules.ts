/** Addresses in API fields. Source: apimachinery pkg/util/validation/ip.go and core/validation, v1.36. */

import { isIPv6 } from 'node:net'
import {
  type CIDR,
  cidr,
  cidrContains,
  formatCIDR,
  networkOf,
  parseCIDR,
  parseInterfaceAddress,
} from '#ip/cidr.ts'
import { familyOf, type IP, ipFromBigInt, parseIP } from '#ip/ip.ts'
import { type FieldError, invalid, quoteLikeGo } from '../field-error.ts'

const notIP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const notCIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** Reads what Go's sloppy parser reads: leading zeros and IPv4-mapped IPv6 give the IPv4 address they mean. */
export function parseIPSloppy(text: string): IP | undefined {
  const strict = parseIP(text)
  if (strict) return strict
  const v4 = text.replace(/^::ffff:(?=\d+\.)/i, '')
  if (/^\d+(\.\d+){3}$/.test(v4)) return parseIP(v4.split('.').map(Number).join('.'))
  return isIPv6(text) && !text.includes('%') ? parseMapped(text) : undefined
}

/** Any other spelling of an IPv4-mapped address: `::ffff:a00:1`. */
function parseMapped(text: string): IP | undefined {
  const { hostname } = new URL(`http://[${text}]`)
  const [, high = '', low = ''] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? []
  if (low === '') return undefined
  return ipFromBigInt((BigInt(`0x${high}`) << 16n) | BigInt(`0x${low}`), 4)
}

/**
 * Fields that predate strict validation: any spelling of a valid IPv6 address, but no leading zeros and no
 * IPv4-mapped address. What the old object had stays allowed.
 */
export function validateLegacyIP(
  value: string,
  field: string,
  existing: readonly string[] = [],
): FieldError[] {
  if (existing.includes(value) || parseIP(value)) return []
  if (!parseIPSloppy(value)) return [invalid(field, value, notIP)]
  return value.includes(':')
    ? [invalid(field, value, 'must not be an IPv4-mapped IPv6 address')]
    : [invalid(field, value, 'must not have leading 0s')]
}

/** As {@link validateLegacyIP}, and in the one canonical spelling: fields that came later, and names. */
export function explainStrictIP(value: string): string[] {
  const legacy = validateLegacyIP(value, '').map(({ detail }) => detail)
  const canonical = parseIP(value)
  if (legacy.length > 0 || canonical === value) return legacy
  return [`must be in canonical form (${quoteLikeGo(canonical ?? '')})`]
}

/** Reads what Go's sloppy parser reads, host bits and leading zeros included. */
function parseCIDRSloppy(value: string): (CIDR & { readonly isV4: boolean }) | undefined {
  const [text = '', length = '', ...rest] = value.split('/')
  const address = parseIPSloppy(text)
  const isV4 = !text.includes(':')
  if (!address || rest.length > 0 || !/^\d+$/.test(length)) return undefined
  const prefixLength = Number(length) - (isV4 || familyOf(address) === 6 ? 0 : 96)
  const isTooLong = Number(length) > (isV4 ? 32 : 128)
  return isTooLong || prefixLength < 0 ? undefined : { address, prefixLength, isV4 }
}

export function validateLegacyCIDR(
  value: string,
  field: string,
  existing: readonly string[] = [],
): FieldError[] {
  if (existing.includes(value) || parseCIDR(value)) return []
  const sloppy = parseCIDRSloppy(value)
  if (!sloppy) return [invalid(field, value, notCIDR)]
  if (!parseInterfaceAddress(value)) {
    return !sloppy.isV4 && !/\/0\d/.test(value)
      ? [invalid(field, value, 'must not have an IPv4-mapped IPv6 address')]
      : [invalid(field, value, 'must not have leading 0s in IP or prefix length')]
  }
  return [invalid(field, value, 'must not have bits set beyond the prefix length')]
}

/** As {@link validateLegacyCIDR}, and in the one canonical spelling. */
export function validateStrictCIDR(value: string, field: string): FieldError[] {
  const legacy = validateLegacyCIDR(value, field)
  const network = parseCIDR(value)
  if (legacy.length > 0 || !network || formatCIDR(network) === value) return legacy
  return [invalid(field, value, `must be in canonical form (${quoteLikeGo(formatCIDR(network))})`)]
}

export function familyOfCIDR(value: string): 'IPv4' | 'IPv6' | undefined {
  const network = parseCIDRSloppy(value)
  return network && (familyOf(network.address) === 4 ? 'IPv4' : 'IPv6')
}

const special: readonly (readonly [readonly string[], string])[] = [
  [['127.0.0.0/8', '::1/128'], 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  [
    ['169.254.0.0/16', 'fe80::/10'],
    'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  [
    ['224.0.0.0/24', 'ff02::/16'],
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
]

/** Addresses that traffic of a Service may be sent to (CVE-2021-25737), and spec.externalIPs. */
export function validateEndpointIP(value: string, field: string): FieldError[] {
  const address = parseIPSloppy(value)
  if (!address) return [invalid(field, value, 'must be a valid IP address')]
  return [
    ...(address === '0.0.0.0' || address === '::'
      ? [invalid(field, value, `may not be unspecified (${value})`)]
      : []),
    ...special
      .filter(([ranges]) => ranges.some((range) => cidrContains(cidr(range), address)))
      .map(([, detail]) => invalid(field, value, detail)),
  ]
}

/** Sentences about spellings that are accepted for now. */
export function warnOfIP(value: string, field: string): string[] {
  const strict = parseIP(value)
  const sloppy = strict ?? parseIPSloppy(value)
  if (!sloppy || strict === value) return []
  return strict
    ? [`${field}: IPv6 address "${value}" should be in RFC 5952 canonical format ("${strict}")`]
    : [`${field}: non-standard IP address "${value}" is invalid: use "${sloppy}"`]
}

/** As {@link warnOfIP}, of networks. */
export function warnOfCIDR(value: string, field: string): string[] {
  const sloppy = parseCIDRSloppy(value)
  if (!sloppy) return []
  const network = networkOf(sloppy)
  const canonical = formatCIDR(network)
  const hasHostBits = network.address !== sloppy.address
  const single = `${sloppy.address}/${familyOf(sloppy.address) === 4 ? 32 : 128}`
  const isStandard = parseInterfaceAddress(value) !== undefined
  const quoted = quoteLikeGo(value)
  const warnings = [
    ...(hasHostBits
      ? [
          `${field}: CIDR value ${quoted} is ambiguous in this context (should be "${canonical}" or "${single}"?)`,
        ]
      : []),
    ...(isStandard
      ? []
      : [`${field}: non-standard CIDR value ${quoted} is invalid: use "${canonical}"`]),
  ]
  if (warnings.length > 0 || sloppy.isV4 || canonical === value) return warnings
  return [
    `${field}: IPv6 CIDR value ${quoted} should be in RFC 5952 canonical format ("${canonical}")`,
  ]
}
