/** Numbers as Go reads and writes them. Source: go/src/strconv. */

const MAX_PLAIN = 6

/** Go's %g with as many digits as the number needs: `1.234567e+06`. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const [digits, exponent] = digitsOf(Math.abs(value))
  if (exponent >= -4 && exponent < MAX_PLAIN) return sign + plain(digits, exponent)
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`
}

/** The significant digits, and the power of ten of the first. */
function digitsOf(value: number): readonly [string, number] {
  const [mantissa = '0', exponent = '0'] = value.toExponential().split('e')
  return [mantissa.replace('.', ''), Number(exponent)]
}

function plain(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const rest = digits.slice(exponent + 1)
  return rest === '' ? whole : `${whole}.${rest}`
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const HEX = /^([+-]?)0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)$/
const SPECIAL = /^([+-]?)(inf|infinity|nan)$/i

/** strconv.ParseFloat; undefined where the text is none, or too large. */
export function parseDouble(given: string): number | undefined {
  const text = given.replace(/(?<=[\da-fA-F])_(?=[\da-fA-F])/g, '')
  const [, sign = '', word] = SPECIAL.exec(text) ?? []
  if (word) {
    if (word.toLowerCase() === 'nan') return sign === '' ? Number.NaN : undefined
    return sign === '-' ? -Infinity : Infinity
  }
  const [, minus, whole = '', rest = '', power] = HEX.exec(text) ?? []
  if (power !== undefined && whole + rest !== '' && (whole + rest).length < 256) {
    const value = Number(BigInt(`0x${whole}${rest}`)) * 2 ** (Number(power) - 4 * rest.length)
    return Number.isFinite(value) ? (minus === '-' ? -value : value) : undefined
  }
  if (!DECIMAL.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** strconv.ParseInt or ParseUint, base 10, 64 bits. */
export function parseInteger(text: string, isSigned: boolean): bigint | undefined {
  const pattern = isSigned ? /^[+-]?\d+$/ : /^\d+$/
  if (text.length > 4096 || !pattern.test(text)) return undefined
  const value = text.startsWith('+') ? BigInt(text.slice(1)) : BigInt(text)
  return (isSigned ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) === value
    ? value
    : undefined
}

export const isInt64 = (value: bigint): boolean => BigInt.asIntN(64, value) === value
export const isUint64 = (value: bigint): boolean => BigInt.asUintN(64, value) === value
