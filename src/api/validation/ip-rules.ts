/** Addresses in API fields. Source: apimachinery pkg/util/validation/ip.go and core/validation, v1.36. */
import { cidr, cidrContains, parseCIDR, parseInterfaceAddress } from '#ip/cidr.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import { type FieldError, invalid } from '../field-error.ts'

const notIP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const notCIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'

/** Reads what Go's sloppy parser reads: leading zeros and IPv4-mapped IPv6 give the IPv4 address they mean. */
export function parseIPSloppy(text: string): IP | undefined {
  const strict = parseIP(text)
  if (strict) return strict
  const v4 = text.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!/^\d+(\.\d+){3}$/.test(v4)) return undefined
  return parseIP(v4.split('.').map(Number).join('.'))
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

export function validateLegacyCIDR(
  value: string,
  field: string,
  existing: readonly string[] = [],
): FieldError[] {
  if (existing.includes(value) || parseCIDR(value)) return []
  const [address = '', length = ''] = value.split('/')
  const meant = parseIPSloppy(address)
  const bits = address.includes(':') ? 128 : 32
  if (!meant || !/^\d+$/.test(length) || Number(length) > bits || value.split('/').length !== 2) {
    return [invalid(field, value, notCIDR)]
  }
  if (!parseInterfaceAddress(value)) {
    return address.includes(':') && !/^0\d/.test(length)
      ? [invalid(field, value, 'must not have an IPv4-mapped IPv6 address')]
      : [invalid(field, value, 'must not have leading 0s in IP or prefix length')]
  }
  return [invalid(field, value, 'must not have bits set beyond the prefix length')]
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
