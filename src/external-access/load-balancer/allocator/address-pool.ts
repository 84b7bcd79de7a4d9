import { compareIPs, familyOf, type IP, ipFromBigInt, ipToBigInt } from '#ip/ip.ts'

/** The addresses that Services of type LoadBalancer get, both ends included. */
export interface AddressPool {
  readonly first: IP
  readonly last: IP
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
