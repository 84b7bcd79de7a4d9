import { indexesToTry, staticBand } from './band.ts'
import type { Claims } from './claims.ts'
import { type Allocation, FULL, type Pool } from './pool.ts'

/** Both ends included. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

export const formatPortRange = ({ from, to }: PortRange) => `${from}-${to}`

export const isInPortRange = ({ from, to }: PortRange, port: number) => port >= from && port <= to

export interface PortPoolOptions {
  readonly claims: Claims
  readonly range: PortRange
  /** In [0, 1). */
  readonly random: () => number
}

/** The node ports. Source: portallocator/allocator.go. */
export function createPortPool({ claims, range, random }: PortPoolOptions): Pool<number> {
  const size = BigInt(range.to - range.from + 1)
  const band = { size, staticSize: staticBand(size, 32, 128) }
  return {
    async take(value, owner) {
      if (!isInPortRange(range, value)) return notInRange(range)
      return (await claims.claim(String(value), owner)) ? { kind: 'taken', value } : ALLOCATED
    },
    async takeAny(owner) {
      for (const index of indexesToTry(band, random)) {
        const value = range.from + Number(index)
        if (claims.has(String(value))) continue
        if (await claims.claim(String(value), owner)) return { kind: 'taken', value }
      }
      return FULL
    },
    release: (value, owner) => claims.release(String(value), owner),
  }
}

const ALLOCATED: Allocation<never> = {
  kind: 'refused',
  message: 'provided port is already allocated',
}
const notInRange = (range: PortRange): Allocation<never> => ({
  kind: 'refused',
  message: `provided port is not in the valid range. The range of valid ports is ${formatPortRange(range)}`,
})

/** One past the greatest node port of the default range: what dry runs answer with. */
const DRY_PORT = 32_768

/** What one dry run takes: nothing that lasts. Source: portallocator/operation.go. */
export function createDryPortPool({ claims }: Pick<PortPoolOptions, 'claims'>): Pool<number> {
  const own: number[] = []
  return {
    async take(value) {
      if (claims.has(String(value)) || own.includes(value)) return ALLOCATED
      own.push(value)
      return { kind: 'taken', value }
    },
    async takeAny() {
      const value = (own.length === 0 ? DRY_PORT : Math.max(...own)) + 1
      own.push(value)
      return { kind: 'taken', value }
    },
    release: async () => {},
  }
}
