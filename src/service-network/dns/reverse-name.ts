import { type IP, ipFromBytes, parseIP } from '#ip/ip.ts'
import { type DomainName, domainName, labelsBelow } from '#wire/dns/name.ts'

export const REVERSE_V4 = domainName('in-addr.arpa')
export const REVERSE_V6 = domainName('ip6.arpa')

/**
 * The address that a name of in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5) stands for, and the zone it lies in;
 * `undefined` for other names and for parts of an address.
 */
export function parseReverseName(
  name: DomainName,
): { readonly address: IP; readonly zone: DomainName } | undefined {
  const octets = labelsBelow(name, REVERSE_V4)
  if (octets) {
    const address = parseIP(octets.toReversed().join('.'))
    return address && { address, zone: REVERSE_V4 }
  }
  const nibbles = labelsBelow(name, REVERSE_V6)
  if (nibbles?.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/i.test(nibble))) return
  const address = parseIP(ipFromBytes(Uint8Array.fromHex(nibbles.toReversed().join(''))))
  return address && { address, zone: REVERSE_V6 }
}
