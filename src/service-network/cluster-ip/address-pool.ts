import { type CIDR, cidrContains, cidrSize, formatCIDR } from '#ip/cidr.ts'
import { familyOf, type IP, ipFromBigInt, ipToBigInt } from '#ip/ip.ts'
import { BandAllocator, type Refusal, staticBand } from './band-allocator.ts'

export type Allocation<T> =
  | { readonly kind: 'taken'; readonly value: T }
  | { readonly kind: Refusal; readonly message: string }

/** Of what one may ask for any, ask for a certain one, and give back. */
export interface Pool<T> {
  take(value: T): Allocation<T>
  takeAny(): Allocation<T>
  release(value: T): void
}

/** The most addresses that are told apart: upstream caps IPv6 ranges alike. */
const MAX_SIZE = 2n ** 24n

/** The addresses of a Service network but its first (the network) and its last (broadcast). */
export function createAddressPool(network: CIDR, random: () => number): Pool<IP> {
  const family = familyOf(network.address)
  const base = ipToBigInt(network.address) + 1n
  const usable = cidrSize(network) - 2n
  const size = Number(usable > MAX_SIZE ? MAX_SIZE : usable < 0n ? 0n : usable)
  const total = Number(cidrSize(network) > MAX_SIZE ? MAX_SIZE : cidrSize(network))
  // Index 0 is address 1; the band's size goes by the whole network's.
  const staticSize = Math.min(size, staticBand(total, 16, 256))
  const allocator = new BandAllocator({ size, staticSize, random })
  const indexOf = (address: IP) => Number(ipToBigInt(address) - base)
  const messages: Readonly<Record<Refusal, string>> = {
    // ipallocator/allocator.go; the sentence is parsed by others, so keep it to the letter.
    'not-in-range': `provided IP is not in the valid range. The range of valid IPs is ${formatCIDR(network)}`,
    allocated: 'provided IP is already allocated',
    full: 'range is full',
  }
  const refuse = (kind: Refusal): Allocation<IP> => ({ kind, message: messages[kind] })
  return {
    take(value) {
      if (!cidrContains(network, value)) return refuse('not-in-range')
      const outcome = allocator.take(indexOf(value))
      return outcome.kind === 'taken' ? { kind: 'taken', value } : refuse(outcome.kind)
    },
    takeAny() {
      const outcome = allocator.takeAny()
      if (outcome.kind !== 'taken') return refuse(outcome.kind)
      return { kind: 'taken', value: ipFromBigInt(base + BigInt(outcome.index), family) }
    },
    release: (value) => allocator.release(indexOf(value)),
  }
}

export interface PortRange {
  readonly from: number
  readonly to: number
}

/** The node ports, both ends included. */
export function createPortPool({ from, to }: PortRange, random: () => number): Pool<number> {
  const size = to - from + 1
  const allocator = new BandAllocator({ size, staticSize: staticBand(size, 32, 128), random })
  const messages: Readonly<Record<Refusal, string>> = {
    // portallocator/allocator.go
    'not-in-range': `provided port is not in the valid range. The range of valid ports is ${from}-${to}`,
    allocated: 'provided port is already allocated',
    full: 'range is full',
  }
  const refuse = (kind: Refusal): Allocation<number> => ({ kind, message: messages[kind] })
  return {
    take(value) {
      const outcome = allocator.take(value - from)
      return outcome.kind === 'taken' ? { kind: 'taken', value } : refuse(outcome.kind)
    },
    takeAny() {
      const outcome = allocator.takeAny()
      return outcome.kind === 'taken'
        ? { kind: 'taken', value: from + outcome.index }
        : refuse(outcome.kind)
    },
    release: (value) => allocator.release(value - from),
  }
}
