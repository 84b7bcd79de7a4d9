import { quoteLikeGo } from '../field-error.ts'

/** When to run: at the minutes that all fields match, or again and again after a while. */
export type Schedule = FieldSchedule | { readonly everyMs: number }

export interface FieldSchedule {
  readonly minute: ReadonlySet<number>
  readonly hour: ReadonlySet<number>
  readonly dayOfMonth: ReadonlySet<number>
  readonly month: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly dayOfWeek: ReadonlySet<number>
  /** Whether a day must match both dayOfMonth and dayOfWeek: where one of them is a star. Otherwise one suffices. */
  readonly needsBothDays: boolean
  /** Said by `TZ=` in front. */
  readonly timeZone?: string
}

interface Bounds {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const MINUTE: Bounds = { min: 0, max: 59 }
const HOUR: Bounds = { min: 0, max: 23 }
const DAY: Bounds = { min: 1, max: 31 }
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH: Bounds = { min: 1, max: 12, names: MONTHS }
const WEEKDAY: Bounds = { min: 0, max: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] }

const DESCRIPTORS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

/** No time of the CronJob API is longer; ours keeps hostile text short. */
const MAX_LENGTH = 4096

/**
 * Parses five fields (minute, hour, day of month, month, day of week), `@daily` and its like, or `@every 1h30m`.
 *
 * @throws SyntaxError with the words of github.com/robfig/cron v3, ParseStandard, which upstream shows its users.
 */
export function parseSchedule(text: string): Schedule {
  if (text === '') throw new SyntaxError('empty spec string')
  if (text.length > MAX_LENGTH) throw new SyntaxError('spec string is too long')
  const { timeZone, rest } = splitTimeZone(text)
  if (rest.startsWith('@every ')) return { everyMs: parseInterval(rest) }
  const known = DESCRIPTORS[rest]
  if (rest.startsWith('@') && !known) throw new SyntaxError(`unrecognized descriptor: ${rest}`)
  const fields = (known ?? rest).split(/\s+/).filter((field) => field !== '')
  if (fields.length !== 5) {
    throw new SyntaxError(
      `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`,
    )
  }
  const [minute, hour, dayOfMonth, month, dayOfWeek] = [
    parseField(fields[0]!, MINUTE),
    parseField(fields[1]!, HOUR),
    parseField(fields[2]!, DAY),
    parseField(fields[3]!, MONTH),
    parseField(fields[4]!, WEEKDAY),
  ]
  return {
    minute: minute.values,
    hour: hour.values,
    dayOfMonth: dayOfMonth.values,
    month: month.values,
    dayOfWeek: dayOfWeek.values,
    needsBothDays: dayOfMonth.isStar || dayOfWeek.isStar,
    ...(timeZone === undefined ? {} : { timeZone }),
  }
}

function splitTimeZone(text: string): { readonly timeZone?: string; readonly rest: string } {
  if (!/^(CRON_)?TZ=/.test(text)) return { rest: text }
  const space = text.indexOf(' ')
  // Upstream's parser panics here, and shows the panic.
  if (space < 0) {
    throw new SyntaxError('invalid schedule format: runtime error: slice bounds out of range [:-1]')
  }
  const timeZone = text.slice(text.indexOf('=') + 1, space)
  if (!isTimeZone(timeZone)) {
    throw new SyntaxError(`provided bad location ${timeZone}: unknown time zone ${timeZone}`)
  }
  return { timeZone: timeZone || 'UTC', rest: text.slice(space).trim() }
}

export function isTimeZone(name: string): boolean {
  if (name === '' || name === 'Local') return true
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return !/^[+-]/.test(name)
  } catch {
    return false
  }
}

interface ParsedField {
  readonly values: ReadonlySet<number>
  readonly isStar: boolean
}

function parseField(text: string, bounds: Bounds): ParsedField {
  const values = new Set<number>()
  let isStar = false
  for (const range of text.split(',').filter((part) => part !== '')) {
    const { start, end, step, star } = parseRange(range, bounds)
    for (let value = start; value <= end; value += step) values.add(value)
    isStar ||= star
  }
  return { values, isStar }
}

function parseRange(text: string, { min, max, names }: Bounds) {
  const [range = '', ...steps] = text.split('/')
  const [low = '', ...highs] = range.split('-')
  const star = low === '*' || low === '?'
  let [start, end] = [min, max]
  if (!star) {
    start = parseValue(low, min, names)
    if (highs.length > 1) throw new SyntaxError(`too many hyphens: ${text}`)
    end = highs.length === 1 ? parseValue(highs[0]!, min, names) : start
  }
  if (steps.length > 1) throw new SyntaxError(`too many slashes: ${text}`)
  const step = steps.length === 1 ? parseNumber(steps[0]!) : 1
  // `N/step` goes on to the end.
  if (steps.length === 1 && highs.length === 0) end = max
  const refuse = (why: string) => new SyntaxError(`${why}: ${text}`)
  if (start < min) throw refuse(`beginning of range (${start}) below minimum (${min})`)
  if (end > max) throw refuse(`end of range (${end}) above maximum (${max})`)
  if (start > end) throw refuse(`beginning of range (${start}) beyond end of range (${end})`)
  if (step === 0) throw refuse('step of range should be a positive number')
  return { start, end, step, star: star && step === 1 }
}

function parseValue(text: string, min: number, names: readonly string[] = []): number {
  const named = names.indexOf(text.toLowerCase())
  return named >= 0 ? named + min : parseNumber(text)
}

/** Go's strconv.Atoi. */
function parseNumber(text: string): number {
  const refuse = (why: string) =>
    new SyntaxError(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${quoteLikeGo(text)}: ${why}`,
    )
  if (!/^[+-]?[0-9]+$/.test(text)) throw refuse('invalid syntax')
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw refuse('value out of range')
  if (value < 0) throw new SyntaxError(`negative number (${value}) not allowed: ${text}`)
  return value
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Go's time.ParseDuration, cut to whole seconds, and one at least. */
function parseInterval(descriptor: string): number {
  const text = descriptor.slice('@every '.length)
  const refuse = (why: string) =>
    new SyntaxError(`failed to parse duration ${descriptor}: time: ${why} ${quoteLikeGo(text)}`)
  const sign = text.startsWith('-') ? -1 : 1
  const bare = text.replace(/^[+-]/, '')
  if (bare === '0') return 1000
  if (!/^([0-9]*\.?[0-9]*[^0-9.]+)+$/.test(bare)) {
    throw refuse(/^[0-9.]+$/.test(bare) ? 'missing unit in duration' : 'invalid duration')
  }
  let total = 0
  for (const [, number, unit] of bare.matchAll(/([0-9]*\.?[0-9]*)([^0-9.]+)/g)) {
    if (!/[0-9]/.test(number!)) throw refuse('invalid duration')
    const size = UNIT_MS[unit!]
    if (size === undefined) throw refuse(`unknown unit ${quoteLikeGo(unit!)} in duration`)
    total += Number(number) * size
  }
  return Math.max(1000, Math.trunc((sign * total) / 1000) * 1000)
}
