import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import type { AddressFault } from '../model.ts'

/**
 * An address that traffic may be sent to, or why not. Loopback and link-local ones would let whoever writes slices reach what listens
 * on the node itself (CVE-2021-25737). The API server refuses the same (ValidateEndpointIP); older objects and other servers may not.
 */
export function checkAddress(
  text: string,
  family: Family,
): { readonly ip: IP } | { readonly fault: AddressFault } {
  const ip = parseIP(text)
  if (ip === undefined) return { fault: 'not-an-address' }
  if (ip !== text) return { fault: 'not-canonical' }
  if (familyOf(ip) !== family) return { fault: 'wrong-family' }
  const fault = family === 4 ? faultOfV4(ip) : faultOfV6(ip)
  return fault ? { fault } : { ip }
}

/** By the first octets: RFC 6890 section 2.2.2. */
function faultOfV4(ip: IP): AddressFault | undefined {
  const first = Number.parseInt(ip, 10)
  if (first === 0) return 'unspecified'
  if (first === 127) return 'loopback'
  if (ip.startsWith('169.254.')) return 'link-local'
  return first >= 224 ? 'not-unicast' : undefined
}

/** By the beginning of the canonical text: RFC 6890 section 2.2.3, RFC 4291 section 2.4. */
function faultOfV6(ip: IP): AddressFault | undefined {
  if (ip === '::') return 'unspecified'
  if (ip === '::1') return 'loopback'
  if (/^fe[89ab]/.test(ip)) return 'link-local'
  return ip.startsWith('ff') ? 'not-unicast' : undefined
}
