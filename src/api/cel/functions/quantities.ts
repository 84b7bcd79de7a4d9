/** Quantities and semantic versions. Source: apiserver pkg/cel/library/{quantity,semverlib}.go; github.com/blang/semver. */
import { quoteLikeGo } from '../../field-error.ts'
import { formatQuantity, parseQuantity } from '../../quantity.ts'
import { type Functions, member, overload } from '../functions.ts'
import { isInt64 } from '../numbers.ts'
import { BOOL, DOUBLE, INT, STRING, struct } from '../types.ts'
import { type Failure, fail, Opaque, type Value } from '../values.ts'

const ONE = 1_000_000_000n

class Amount extends Opaque {
  override readonly typeName = 'kubernetes.Quantity'
  readonly nanos: bigint
  constructor(nanos: bigint) {
    super()
    this.nanos = nanos
  }
  override equals(other: Opaque): boolean {
    return other instanceof Amount && other.nanos === this.nanos
  }
  override toString(): string {
    return formatQuantity({ nanos: this.nanos, format: 'DecimalSI' })
  }
}

const QUANTITY = struct<Amount>('kubernetes.Quantity')

function toAmount(text: string): Value {
  const parsed = parseQuantity(text)
  return 'error' in parsed ? fail(parsed.error) : new Amount(parsed.nanos)
}

const wholeOf = ({ nanos }: Amount): bigint | undefined =>
  nanos % ONE === 0n && isInt64(nanos / ONE) ? nanos / ONE : undefined

const signOf = (value: bigint): bigint => (value > 0n ? 1n : value < 0n ? -1n : 0n)

const PAIR = [QUANTITY, QUANTITY] as const

export const quantityFunctions: Functions = {
  quantity: [overload('string_to_quantity', [STRING], QUANTITY, toAmount)],
  isQuantity: [
    overload('is_quantity_string', [STRING], BOOL, (text) => !('error' in parseQuantity(text))),
  ],
  sign: [overload('quantity_sign', [QUANTITY], INT, ({ nanos }) => signOf(nanos))],
  isGreaterThan: [member('quantity_is_greater_than', PAIR, BOOL, (a, b) => a.nanos > b.nanos)],
  isLessThan: [member('quantity_is_less_than', PAIR, BOOL, (a, b) => a.nanos < b.nanos)],
  compareTo: [member('quantity_compare_to', PAIR, INT, (a, b) => signOf(a.nanos - b.nanos))],
  asApproximateFloat: [
    member('quantity_get_float', [QUANTITY], DOUBLE, ({ nanos }) => Number(`${nanos}e-9`)),
  ],
  asInteger: [
    member(
      'quantity_get_int',
      [QUANTITY],
      INT,
      (amount): Value => wholeOf(amount) ?? fail('cannot convert value to integer'),
    ),
  ],
  isInteger: [
    member('quantity_is_integer', [QUANTITY], BOOL, (amount) => wholeOf(amount) !== undefined),
  ],
  add: [
    member('quantity_add', PAIR, QUANTITY, (a, b) => new Amount(a.nanos + b.nanos)),
    member('quantity_add_int', [QUANTITY, INT], QUANTITY, (a, b) => new Amount(a.nanos + b * ONE)),
  ],
  sub: [
    member('quantity_sub', PAIR, QUANTITY, (a, b) => new Amount(a.nanos - b.nanos)),
    member('quantity_sub_int', [QUANTITY, INT], QUANTITY, (a, b) => new Amount(a.nanos - b * ONE)),
  ],
}

class Version extends Opaque {
  override readonly typeName = 'kubernetes.Semver'
  readonly numbers: readonly bigint[]
  readonly before: readonly string[]
  constructor(numbers: readonly bigint[], before: readonly string[]) {
    super()
    this.numbers = numbers
    this.before = before
  }
  override equals(other: Opaque): boolean {
    return other instanceof Version && this.compare(other) === 0
  }
  override toString(): string {
    return [
      this.numbers.join('.'),
      ...(this.before.length > 0 ? [this.before.join('.')] : []),
    ].join('-')
  }
  /** What is built does not count; a version comes behind those that are made before it. */
  compare({ numbers, before }: Version): number {
    for (const [index, number] of this.numbers.entries())
      if (number !== numbers[index]) return number > numbers[index]! ? 1 : -1
    if (this.before.length === 0 || before.length === 0)
      return Math.sign(before.length - this.before.length)
    for (const [index, part] of this.before.entries()) {
      const other = before[index]
      if (other === undefined) return 1
      const order = compareParts(part, other)
      if (order !== 0) return order
    }
    return this.before.length < before.length ? -1 : 0
  }
}

const isNumber = (part: string) => /^\d+$/.test(part)

function compareParts(a: string, b: string): number {
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1
  const [x, y] = isNumber(a) ? [BigInt(a), BigInt(b)] : [a, b]
  return x === y ? 0 : x > y ? 1 : -1
}

const SEMVER = struct<Version>('kubernetes.Semver')
const MAX_LENGTH = 4096

function parseVersion(text: string): Version | Failure {
  if (text === '') return fail('Version string empty')
  if (text.length > MAX_LENGTH) return fail('Version string too long')
  const parts = text.split('.')
  if (parts.length < 3) return fail('No Major.Minor.Patch elements found')
  const [major = '', minor = ''] = parts
  const rest = parts.slice(2).join('.')
  const plus = rest.indexOf('+')
  const unbuilt = plus < 0 ? rest : rest.slice(0, plus)
  const dash = unbuilt.indexOf('-')
  const patch = dash < 0 ? unbuilt : unbuilt.slice(0, dash)
  const before = dash < 0 ? [] : unbuilt.slice(dash + 1).split('.')
  const built = plus < 0 ? [] : rest.slice(plus + 1).split('.')
  const why =
    whyNoNumber(major, 'Major') ??
    whyNoNumber(minor, 'Minor') ??
    whyNoNumber(patch, 'Patch') ??
    before.map(whyNoPart).find((one) => one !== undefined) ??
    built.map(whyNotBuilt).find((one) => one !== undefined)
  return why === undefined ? new Version([major, minor, patch].map(BigInt), before) : fail(why)
}

function whyNoNumber(text: string, name: string): string | undefined {
  if (!/^\d*$/.test(text))
    return `Invalid character(s) found in ${name.toLowerCase()} number ${quoteLikeGo(text)}`
  if (text.length > 1 && text.startsWith('0'))
    return `${name} number must not contain leading zeroes ${quoteLikeGo(text)}`
  if (text === '') return 'strconv.ParseUint: parsing "": invalid syntax'
  return BigInt(text) >= 2n ** 64n
    ? `strconv.ParseUint: parsing ${quoteLikeGo(text)}: value out of range`
    : undefined
}

function whyNoPart(part: string): string | undefined {
  if (part === '') return 'Prerelease is empty'
  if (isNumber(part) && part.length > 1 && part.startsWith('0'))
    return `Numeric PreRelease version must not contain leading zeroes ${quoteLikeGo(part)}`
  return /^[0-9A-Za-z-]+$/.test(part)
    ? undefined
    : `Invalid character(s) found in prerelease ${quoteLikeGo(part)}`
}

function whyNotBuilt(part: string): string | undefined {
  if (part === '') return 'Build meta data is empty'
  return /^[0-9A-Za-z-]+$/.test(part)
    ? undefined
    : `Invalid character(s) found in build meta data ${quoteLikeGo(part)}`
}

/** With a `v` in front, leading zeros, and parts left out. */
function parseLoosely(text: string): Version | Failure {
  const [first = '', second, ...rest] = text.replace(/^v/, '').split('.')
  const parts = [first, ...(second === undefined ? [] : [second])]
  if (rest.length > 0) parts.push(rest.join('.'))
  const trimmed = parts.map((part) => {
    if (part.length <= 1) return part
    const short = part.replace(/^0+/, '')
    return short === '' || !/^\d/.test(short) ? `0${short}` : short
  })
  if (trimmed.length < 3 && /[+-]/.test(trimmed.at(-1)!))
    return fail('short version cannot contain PreRelease/Build meta data')
  return parseVersion([...trimmed, '0', '0'].slice(0, 3).join('.'))
}

const read = (text: string, isLoose: boolean) => (isLoose ? parseLoosely(text) : parseVersion(text))
const VERSIONS = [SEMVER, SEMVER] as const

export const versionFunctions: Functions = {
  semver: [
    overload('string_to_semver', [STRING], SEMVER, parseVersion),
    overload('string_bool_to_semver', [STRING, BOOL], SEMVER, read),
  ],
  isSemver: [
    overload('is_semver_string', [STRING], BOOL, (text) => parseVersion(text) instanceof Version),
    overload(
      'is_semver_string_bool',
      [STRING, BOOL],
      BOOL,
      (text, isLoose) => read(text, isLoose) instanceof Version,
    ),
  ],
  isGreaterThan: [member('semver_is_greater_than', VERSIONS, BOOL, (a, b) => a.compare(b) > 0)],
  isLessThan: [member('semver_is_less_than', VERSIONS, BOOL, (a, b) => a.compare(b) < 0)],
  compareTo: [member('semver_compare_to', VERSIONS, INT, (a, b) => BigInt(a.compare(b)))],
  major: [member('semver_major', [SEMVER], INT, ({ numbers }) => BigInt.asIntN(64, numbers[0]!))],
  minor: [member('semver_minor', [SEMVER], INT, ({ numbers }) => BigInt.asIntN(64, numbers[1]!))],
  patch: [member('semver_patch', [SEMVER], INT, ({ numbers }) => BigInt.asIntN(64, numbers[2]!))],
}
