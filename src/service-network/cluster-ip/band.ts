/** Values 0…size-1 that one may ask for, of which the lowest `staticSize` are left to those who ask for certain ones. */
export interface Range {
  readonly size: bigint
  readonly staticSize: bigint
}

/**
 * Every index of a range, in the order in which the server tries them: those of the dynamic band from a random place
 * on, so that a value just given back is not at once another's, then those of the static band (KEP-3070, KEP-3668).
 *
 * @param random In [0, 1).
 */
export function* indexesToTry(range: Range, random: () => number): Generator<bigint> {
  yield* around(range.staticSize, range.size, random)
  yield* around(0n, range.staticSize, random)
}

function* around(from: bigint, to: bigint, random: () => number): Generator<bigint> {
  const length = to - from
  if (length <= 0n) return
  const start = BigInt(Math.floor(random() * Number(length)))
  for (let step = 0n; step < length; step++) yield from + ((start + step) % length)
}

/**
 * How many values the static band has. Source: calculateRangeOffset in ipallocator/bitmap.go (`min(max(16, size/16), 256)`,
 * KEP-3070) and portallocator/allocator.go (`min(max(16, size/32), 128)`, KEP-3668); none up to 16 values.
 */
export function staticBand(size: bigint, divisor: 16 | 32, most: 256 | 128): bigint {
  if (size <= 16n) return 0n
  const share = size / BigInt(divisor)
  if (share < 16n) return 16n
  return share > BigInt(most) ? BigInt(most) : share
}
