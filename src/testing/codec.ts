import assert from 'node:assert/strict'
import fc from 'fast-check'

/** Bytes from hexadecimal text; white space and lines that begin with `#` are skipped. */
export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(/^#.*$/gm, '').replaceAll(/\s/g, ''))
}

type ErrorClass = new (...args: never[]) => Error

/**
 * Feeds a decoder every beginning of `bytes`, random damage to them and random bytes: it may give a value or throw `Refusal`, nothing
 * else. On failure fast-check prints the seed.
 */
export function assertRobust(
  decode: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
  Refusal: ErrorClass,
): void {
  for (let length = 0; length < bytes.length; length++) {
    decodeOrRefuse(decode, bytes.slice(0, length), Refusal)
  }
  const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 8 })
  fc.assert(
    fc.property(damage, (changes) => {
      const damaged = bytes.slice()
      for (const [at, value] of changes) damaged[at] = value
      decodeOrRefuse(decode, damaged, Refusal)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), (noise) =>
      decodeOrRefuse(decode, noise, Refusal),
    ),
  )
}

function decodeOrRefuse(
  decode: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
  Refusal: ErrorClass,
): void {
  try {
    decode(bytes)
  } catch (error) {
    assert.ok(error instanceof Refusal, `${Buffer.from(bytes).toString('hex')}: ${error}`)
  }
}

/** @throws AssertionError unless each strict beginning of `bytes` is refused */
export function assertRefusesTruncated(
  decode: (bytes: Uint8Array) => unknown,
  bytes: Uint8Array,
  Refusal: ErrorClass,
): void {
  for (let length = 1; length < bytes.length; length++) {
    assert.throws(() => decode(bytes.slice(0, length)), Refusal, `first ${length} bytes`)
  }
}
