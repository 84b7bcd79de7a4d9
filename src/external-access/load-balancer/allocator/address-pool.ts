import { cidrSize, parseCIDR } from '#ip/cidr.ts'
import { compareIPs, familyOf, type IP, ipFromBigInt, ipToBigInt, parseIP } from '#ip/ip.ts'

/** The addresses that Services of type LoadBalancer get, both ends included. */
export interface AddressPool {
  readonly first: IP
  readonly last: IP
}

/**
 * Parses `172.30.0.200-172.30.0.250` or `172.30.1.0/28`, as MetalLB's pools are written.
 *
 * @throws SyntaxError
 */
export function parseAddressPool(text: string): AddressPool {
  const network = parseCIDR(text.trim())
  if (network) {
    const family = familyOf(network.address)
    const last = ipFromBigInt(ipToBigInt(network.address) + cidrSize(network) - 1n, family)
    return { first: network.address, last }
  }
  const [first, last, ...more] = text.split('-').map((part) => parseIP(part.trim()))
  if (
    !first ||
    !last ||
    more.length > 0 ||
    familyOf(first) !== familyOf(last) ||
    compareIPs(first, last) > 0
  ) {
    throw new SyntaxError(
      `Cannot parse address pool: ${JSON.stringify(text)} (write FIRST-LAST or a CIDR)`,
    )
  }
  return { first, last }
}

export function poolContains({ first, last }: AddressPool, address: IP): boolean {
  return (
    familyOf(address) === familyOf(first) &&
    compareIPs(first, address) <= 0 &&
    compareIPs(address, last) <= 0
  )
}

/** The lowest address of the pool that `isTaken` does not hold. */
export function findFreeAddress(
  { first, last }: AddressPool,
  isTaken: (address: IP) => boolean,
): IP | undefined {
  const end = ipToBigInt(last)
  for (let value = ipToBigInt(first); value <= end; value++) {
    const address = ipFromBigInt(value, familyOf(first))
    if (!isTaken(address)) return address
  }
  return undefined
}
