/** Why a value cannot be had. */
export type Refusal = 'not-in-range' | 'allocated' | 'full'

export type Outcome =
  | { readonly kind: 'taken'; readonly index: number }
  | { readonly kind: Refusal }

export interface BandOptions {
  readonly size: number
  /** The lowest values, which people choose from: taken by the server only when all others are gone. */
  readonly staticSize: number
  /** In [0, 1). */
  readonly random: () => number
}

/** Hands out the numbers 0…size-1, each to one owner (KEP-3070 and KEP-3668: a static band and a dynamic one). */
export class BandAllocator {
  readonly #options: BandOptions
  readonly #taken = new Set<number>()

  constructor(options: BandOptions) {
    this.#options = options
  }

  /** Takes this number. */
  take(index: number): Outcome {
    if (!Number.isInteger(index) || index < 0 || index >= this.#options.size) {
      return { kind: 'not-in-range' }
    }
    if (this.#taken.has(index)) return { kind: 'allocated' }
    this.#taken.add(index)
    return { kind: 'taken', index }
  }

  /** Takes any number. */
  takeAny(): Outcome {
    const { size, staticSize } = this.#options
    const index = this.#findFree(staticSize, size) ?? this.#findFree(0, staticSize)
    if (index === undefined) return { kind: 'full' }
    this.#taken.add(index)
    return { kind: 'taken', index }
  }

  release(index: number): void {
    this.#taken.delete(index)
  }

  /** From a random place on, so that an address just given back is not at once another's. */
  #findFree(from: number, to: number): number | undefined {
    const length = to - from
    const start = Math.floor(this.#options.random() * length)
    for (let step = 0; step < length; step++) {
      const index = from + ((start + step) % length)
      if (!this.#taken.has(index)) return index
    }
    return undefined
  }
}

/** Source: KEP-3070, `min(max(16, size/16), 256)`; KEP-3668, `min(max(16, size/32), 128)`; none under 16 values. */
export function staticBand(size: number, divisor: 16 | 32, most: 256 | 128): number {
  return size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / divisor)), most)
}
