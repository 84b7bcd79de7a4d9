/** Times and durations. Source: cel-go common/types/{timestamp,duration}.go; go/src/time. */
import { type Functions, member, type Overload } from '../functions.ts'
import { DURATION, INT, STRING, TIMESTAMP } from '../types.ts'
import { type Duration, Failure, fail, Timestamp, type Value } from '../values.ts'

const SECOND = 1_000_000_000n
const MINUTE = 60n * SECOND

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z. */
export const MIN_TIME = -62_135_596_800n * SECOND
export const MAX_TIME = 253_402_300_799n * SECOND + 999_999_999n

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** Go's time.Parse of RFC 3339; undefined where the text is none, or no such day is. */
export function parseTimestamp(text: string): Timestamp | undefined {
  if (text.length > 256) return undefined
  const found = RFC3339.exec(text)
  if (!found) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number)
  const [fraction = '', sign, hours = '0', minutes = '0'] = found.slice(7)
  const date = new Date(0)
  date.setUTCFullYear(year!, month! - 1, day!)
  const isDay = date.getUTCMonth() === month! - 1 && date.getUTCDate() === day!
  if (!isDay || hour! > 23 || minute! > 59 || second! > 59) return undefined
  if (Number(hours) > 24 || Number(minutes) > 60) return undefined
  date.setUTCHours(hour!, minute!, second!)
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1)
  const nanos = BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  const whole = (BigInt(date.getTime()) / 1000n) * SECOND
  return new Timestamp(whole + nanos - BigInt(offset) * MINUTE, offset)
}

/** As RFC 3339 with as many digits of a fraction as it needs. */
export function formatTimestamp({ nanos, offset }: Timestamp, zone = offset): string {
  const local = nanos + BigInt(zone) * MINUTE
  const [seconds, rest] = divide(local, SECOND)
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  const fraction = String(rest).padStart(9, '0').replace(/0+$/, '')
  const size = Math.abs(zone)
  const two = (value: number) => String(value).padStart(2, '0')
  const named = `${zone < 0 ? '-' : '+'}${two(Math.trunc(size / 60))}:${two(size % 60)}`
  return `${date}${fraction === '' ? '' : `.${fraction}`}${zone === 0 ? 'Z' : named}`
}

/** Quotient and remainder, the latter never negative. */
export function divide(value: bigint, by: bigint): readonly [bigint, bigint] {
  const rest = ((value % by) + by) % by
  return [(value - rest) / by, rest]
}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: SECOND,
  m: MINUTE,
  h: 60n * MINUTE,
}

/** Go's time.ParseDuration, in nanoseconds; undefined where the text is none, or too long a time. */
export function parseDuration(text: string): bigint | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (rest === '0') return 0n
  if (rest.length > 256 || !/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(rest)) return
  let total = 0n
  for (const [, whole, fraction = '', unit = ''] of rest.matchAll(
    /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g,
  )) {
    total += BigInt(whole || '0') * UNITS[unit]!
    if (fraction !== '') total += (BigInt(fraction) * UNITS[unit]!) / 10n ** BigInt(fraction.length)
  }
  const value = sign === '-' ? -total : total
  return BigInt.asIntN(64, value) === value ? value : undefined
}

/** In seconds: `3661.5s`. */
export function formatDuration({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos
  const fraction = String(size % SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${nanos < 0n ? '-' : ''}${size / SECOND}${fraction === '' ? '' : `.${fraction}`}s`
}

/** What is shown on a calendar and a clock. */
interface Shown {
  readonly date: Date
  readonly millis: number
}

const DAY_MS = 86_400_000

const SHOWN: Readonly<Record<string, (shown: Shown) => number>> = {
  getFullYear: ({ date }) => date.getUTCFullYear(),
  getMonth: ({ date }) => date.getUTCMonth(),
  getDayOfYear: ({ date }) => {
    const first = new Date(date)
    first.setUTCMonth(0, 1)
    return Math.round((date.getTime() - first.getTime()) / DAY_MS)
  },
  getDayOfMonth: ({ date }) => date.getUTCDate() - 1,
  getDate: ({ date }) => date.getUTCDate(),
  getDayOfWeek: ({ date }) => date.getUTCDay(),
  getHours: ({ date }) => date.getUTCHours(),
  getMinutes: ({ date }) => date.getUTCMinutes(),
  getSeconds: ({ date }) => date.getUTCSeconds(),
  getMilliseconds: ({ millis }) => millis,
}

const OF_DURATION: Readonly<Record<string, bigint>> = {
  getHours: 60n * MINUTE,
  getMinutes: MINUTE,
  getSeconds: SECOND,
  getMilliseconds: 1_000_000n,
}

const INSTANT: Readonly<Record<string, string>> = {
  getFullYear: 'timestamp_to_year',
  getMonth: 'timestamp_to_month',
  getDayOfYear: 'timestamp_to_day_of_year',
  getDayOfMonth: 'timestamp_to_day_of_month',
  getDate: 'timestamp_to_day_of_month_1_based',
  getDayOfWeek: 'timestamp_to_day_of_week',
  getHours: 'timestamp_to_hours',
  getMinutes: 'timestamp_to_minutes',
  getSeconds: 'timestamp_to_seconds',
  getMilliseconds: 'timestamp_to_milliseconds',
}

export const timeFunctions: Functions = Object.fromEntries(
  Object.entries(SHOWN).map(([name, read]) => {
    const id = INSTANT[name]!
    const unit = OF_DURATION[name]
    const at = (time: Timestamp, offset: number) => BigInt(read(shownAt(time, offset)))
    const overloads: Overload[] = [
      member(id, [TIMESTAMP], INT, (time) => at(time, 0)),
      member(`${id}_with_tz`, [TIMESTAMP, STRING], INT, (time, zone): Value => {
        const offset = offsetOf(zone, time)
        return offset instanceof Failure ? offset : at(time, offset)
      }),
      ...(unit === undefined ? [] : [ofDuration(name, unit)]),
    ]
    return [name, overloads]
  }),
)

function ofDuration(name: string, unit: bigint): Overload {
  const id = `duration_to_${name.slice(3).toLowerCase()}`
  return member(id, [DURATION], INT, ({ nanos }) => nanos / unit)
}

/** @param offset in seconds */
function shownAt({ nanos }: Timestamp, offset: number): Shown {
  const [seconds, rest] = divide(nanos + BigInt(offset) * SECOND, SECOND)
  return { date: new Date(Number(seconds) * 1000), millis: Number(rest / 1_000_000n) }
}

/** Seconds east of Greenwich, by `+02:00` or by the name of a place. */
function offsetOf(zone: string, time: Timestamp): number | Failure {
  const [, hours, minutes] = /^([+-]?\d{1,4}):([+-]?\d{1,4})$/.exec(zone) ?? []
  if (hours !== undefined && minutes !== undefined) {
    const signed = hours.startsWith('-') ? -Number(minutes) : Number(minutes)
    return (Number(hours) * 60 + signed) * 60
  }
  if (zone === '' || zone === 'UTC') return 0
  const unknown = () => fail(`unknown time zone ${zone.slice(0, 256)}`)
  if (zone.length > 64 || !/^[A-Za-z]/.test(zone)) return unknown()
  try {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
      .formatToParts(new Date(Number(time.nanos / 1_000_000n)))
      .find(({ type }) => type === 'timeZoneName')
    const found = /([+-])(\d\d):?(\d\d)?:?(\d\d)?/.exec(parts?.value ?? '')
    if (!found) return 0
    const [, sign, hour, minute = '0', second = '0'] = found
    const size = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
    return sign === '-' ? -size : size
  } catch {
    return unknown()
  }
}
