/**
 * Resource quantities: a number with a suffix, printed in one canonical way, so that 1024Mi and 1Gi compare equal as
 * text. Source: apimachinery pkg/api/resource/quantity.go.
 */
import { createCache } from './cache.ts'

export interface Quantity {
  /** Billionths: nothing smaller is kept. */
  readonly nanos: bigint
  readonly format: 'BinarySI' | 'DecimalSI' | 'DecimalExponent'
  /** The text itself where upstream would print it again as it was written. */
  readonly asWritten?: string
}

export type ParsedQuantity = Quantity | { readonly error: string }

interface Suffix {
  readonly base: 2 | 10
  readonly exponent: number
  readonly format: Quantity['format']
}

const NANO = -9
const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']
const MAX_BINARY_NANOS = (2n ** 63n - 1n) * 10n ** 9n
/** Digits that surely fit an int64: upstream treats such numbers on a fast path, which keeps their text. */
const INT64_DIGITS = 18
/** Upstream has no such bounds; ours keep one text from becoming megabytes of digits. */
const MAX_LENGTH = 256
const MAX_EXPONENT = 400

const FORMAT_WRONG =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const SUFFIX_WRONG = "unable to parse quantity's suffix"

/** Few are in use, and each is read several times a write: checked, defaulted, summed up. */
const parsed = createCache<ParsedQuantity>({ entries: 500, characters: 32 })

export const parseQuantity = (text: string): ParsedQuantity => parsed.of(text, () => parse(text))

function parse(text: string): ParsedQuantity {
  const match = /^([+-]?)0*(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/.exec(text)
  if (!match || !/^[+-]?\.?\d/.test(text) || text.length > MAX_LENGTH)
    return { error: FORMAT_WRONG }
  const [, sign, whole, fraction = '', ending] = match
  const suffix = parseSuffix(ending!)
  if (!suffix) return { error: SUFFIX_WRONG }
  const digits = `${whole || '0'}${fraction}`
  const size = nanosOf(BigInt(digits), suffix, fraction.length)
  const isBinary = suffix.format === 'BinarySI'
  const nanos = isBinary && size > MAX_BINARY_NANOS ? MAX_BINARY_NANOS : size
  // Below one, a binary suffix could only round.
  const format = isBinary && nanos < 10n ** 9n ? 'DecimalSI' : suffix.format
  const scale = suffix.exponent - fraction.length
  return {
    nanos: sign === '-' ? -nanos : nanos,
    format,
    ...(!isBinary && isKept(digits, scale) ? { asWritten: text } : {}),
  }
}

/** Whether a decimal number counts as canonical: `1.234` stays, `0.5` becomes `500m`. */
const isKept = (digits: string, scale: number) =>
  digits.length <= INT64_DIGITS &&
  scale >= NANO &&
  scale % 3 === 0 &&
  !digits.endsWith('000') &&
  !digits.startsWith('0')

function parseSuffix(text: string): Suffix | undefined {
  const decimal = DECIMAL.indexOf(text)
  if (decimal >= 0) return { base: 10, exponent: decimal * 3 + NANO, format: 'DecimalSI' }
  const binary = BINARY.indexOf(text)
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' }
  const exponent = /^[eE]([-+]?\d+)$/.exec(text)?.[1]
  if (exponent === undefined || Math.abs(Number(exponent)) > MAX_EXPONENT) return undefined
  return { base: 10, exponent: Number(exponent), format: 'DecimalExponent' }
}

/** Rounds up: who asks for a little gets something. */
function nanosOf(digits: bigint, { base, exponent }: Suffix, fractionDigits: number): bigint {
  const binary = base === 2 ? 2n ** BigInt(exponent) : 1n
  const power = (base === 10 ? exponent : 0) - fractionDigits - NANO
  if (power >= 0) return digits * binary * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return (digits * binary + divisor - 1n) / divisor
}

export function formatQuantity({ nanos, format, asWritten }: Quantity): string {
  if (asWritten !== undefined) return asWritten
  if (nanos === 0n) return '0'
  const sign = nanos < 0n ? '-' : ''
  const size = nanos < 0n ? -nanos : nanos
  return `${sign}${(format === 'BinarySI' && formatBinary(size)) || formatDecimal(size, format)}`
}

/** Undefined where decimal form is clearer: below 1024, and for fractions. */
function formatBinary(nanos: bigint): string | undefined {
  if (nanos % 10n ** 9n !== 0n) return undefined
  let mantissa = nanos / 10n ** 9n
  if (mantissa < 1024n) return undefined
  let unit = 0
  for (; mantissa % 1024n === 0n; mantissa /= 1024n) unit++
  return `${mantissa}${BINARY[unit]}`
}

/** The largest power of a thousand that leaves a whole number. */
function formatDecimal(nanos: bigint, format: Quantity['format']): string {
  let mantissa = nanos
  let exponent = NANO
  const largest = format === 'DecimalExponent' ? Infinity : (DECIMAL.length - 1) * 3 + NANO
  for (; mantissa % 1000n === 0n && exponent < largest; mantissa /= 1000n) exponent += 3
  if (format !== 'DecimalExponent') return `${mantissa}${DECIMAL[(exponent - NANO) / 3]}`
  return exponent === 0 ? String(mantissa) : `${mantissa}e${exponent}`
}
