import { type CIDR, cidrContains, cidrSize } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ipFromBigInt, ipToBigInt } from '#ip/ip.ts'
import { indexesToTry, type Range, staticBand } from './band.ts'
import type { Claims } from './claims.ts'
import { type Allocation, FULL, type Pool } from './pool.ts'

/** The usable addresses of a Service network: not its own, nor, of IPv4, the broadcast address. */
function rangeOf(network: CIDR): Range {
  const unusable = familyOf(network.address) === 4 ? 2n : 1n
  const total = cidrSize(network)
  const size = total > unusable ? total - unusable : 0n
  // The band goes by the whole network; index 0 is the first address after the network's own.
  const band = staticBand(total, 16, 256)
  return { size, staticSize: band > size ? size : band }
}

/** Whether the address can be a cluster IP of this network. Source: pkg/api/servicecidr PrefixContainsIP. */
export function isUsableIn(network: CIDR, address: IP): boolean {
  if (!cidrContains(network, address)) return false
  const index = ipToBigInt(address) - ipToBigInt(network.address)
  return index > 0n && index <= rangeOf(network).size
}

export interface AddressPoolOptions {
  readonly claims: Claims
  /** The networks that are ready now, of any family. */
  readonly networks: () => readonly CIDR[]
  /** In [0, 1). */
  readonly random: () => number
}

/** The cluster IPs of one family. Source: ipallocator/cidrallocator.go and ipallocator.go. */
export function createAddressPool(
  family: Family,
  { claims, networks, random }: AddressPoolOptions,
): Pool<IP> {
  const own = () => networks().filter(({ address }) => familyOf(address) === family)
  return {
    async take(value, owner) {
      if (!own().some((network) => isUsableIn(network, value))) return MISMATCH
      return (await claims.claim(value, owner)) ? { kind: 'taken', value } : ALLOCATED
    },
    async takeAny(owner) {
      for (const network of own()) {
        const first = ipToBigInt(network.address) + 1n
        for (const index of indexesToTry(rangeOf(network), random)) {
          const value = ipFromBigInt(first + index, family)
          if (claims.has(value)) continue
          // Another server may have been faster: then the next one.
          if (await claims.claim(value, owner)) return { kind: 'taken', value }
        }
      }
      return FULL
    },
    release: (value, owner) => claims.release(value, owner),
  }
}

const ALLOCATED: Allocation<never> = {
  kind: 'refused',
  message: 'provided IP is already allocated',
}
const MISMATCH: Allocation<never> = {
  kind: 'refused',
  message: 'the provided network does not match the current range',
}

/** What a dry run takes: nothing. Upstream answers with the network's own address, which nobody can hold. */
export function createDryAddressPool(
  family: Family,
  { networks }: Pick<AddressPoolOptions, 'networks'>,
): Pool<IP> {
  const own = () => networks().filter(({ address }) => familyOf(address) === family)
  return {
    take: async (value) =>
      own().some((network) => isUsableIn(network, value)) ? { kind: 'taken', value } : MISMATCH,
    takeAny: async () => {
      const [network] = own()
      return network ? { kind: 'taken', value: network.address } : FULL
    },
    release: async () => {},
  }
}
