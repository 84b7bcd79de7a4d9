import { formatQuantity, parseQuantity, type Quantity } from '../quantity.ts'

/** How much of each resource: `{"requests.cpu": 500m}`, as numbers that can be added. */
export type Amounts = Readonly<Record<string, Quantity>>

/** How an API spells amounts. */
export type ResourceList = Readonly<Record<string, string>>

const ZERO: Quantity = { nanos: 0n, format: 'DecimalSI' }

/** What cannot be read counts as nothing: the kind's validation has refused it long before. */
export function parseAmounts(list: ResourceList | undefined): Amounts {
  return mapValues(list ?? {}, (text) => {
    const parsed = parseQuantity(text)
    return 'error' in parsed ? ZERO : parsed
  })
}

export const formatAmounts = (amounts: Amounts): ResourceList => mapValues(amounts, formatQuantity)

/** `cpu=1,pods=2`, as messages have it (apiserver admission/plugin/resourcequota/controller.go, prettyPrint). */
export const printAmounts = (amounts: Amounts): string =>
  Object.entries(formatAmounts(amounts))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='))
    .join(',')

export const whole = (count: number): Quantity => ({
  nanos: BigInt(count) * 10n ** 9n,
  format: 'DecimalSI',
})

/** Each resource of either; where both have one, the sum, written as the left writes it unless that is 0. */
export const add = (left: Amounts, right: Amounts): Amounts => combine(left, right, (a, b) => a + b)

/** Never less than 0. */
export const subtract = (left: Amounts, right: Amounts): Amounts =>
  combine(left, right, (a, b) => (a > b ? a - b : 0n))

/** The greater of each. */
export const greatest = (left: Amounts, right: Amounts): Amounts => combine(left, right, larger)

export function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a
  return b
}

/** Only the resources of these names. */
export const pick = (amounts: Amounts, names: Iterable<string>): Amounts => {
  const wanted = new Set(names)
  return Object.fromEntries(Object.entries(amounts).filter(([name]) => wanted.has(name)))
}

export const withoutZeros = (amounts: Amounts): Amounts =>
  Object.fromEntries(Object.entries(amounts).filter(([, { nanos }]) => nanos !== 0n))

export const nanosOf = (amounts: Amounts, name: string): bigint =>
  Object.hasOwn(amounts, name) ? amounts[name]!.nanos : 0n

/** Whether both hold as much of the same resources, however it is written. */
export function isEqual(left: Amounts, right: Amounts): boolean {
  const names = Object.keys(left)
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && left[name]!.nanos === right[name]!.nanos)
  )
}

function combine(left: Amounts, right: Amounts, how: (a: bigint, b: bigint) => bigint): Amounts {
  const result: Record<string, Quantity> = { ...left }
  for (const [name, { nanos, format }] of Object.entries(right)) {
    const own = Object.hasOwn(left, name) ? left[name]! : ZERO
    result[name] = { nanos: how(own.nanos, nanos), format: own.nanos === 0n ? format : own.format }
  }
  return result
}

const mapValues = <A, B>(values: Readonly<Record<string, A>>, change: (value: A) => B) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
