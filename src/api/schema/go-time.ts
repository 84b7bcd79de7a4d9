import { quoteLikeGo } from '../field-error.ts'

/** A time as Go prints it again: in UTC, to the second or to the microsecond; or why it is none, in the words of time.Parse. */
export type GoTime = { readonly text: string } | { readonly error: string }

const RFC3339 = '2006-01-02T15:04:05Z07:00'
const RFC3339_MICRO = '2006-01-02T15:04:05.000000Z07:00'

/** What the layouts hold, in their order: a fixed text, or a number by its name, its range and whether it must have all digits. */
const PARTS = [
  { layout: '2006', digits: 4, name: 'year', range: [0, 9999], padded: true },
  { layout: '-' },
  { layout: '01', digits: 2, name: 'month', range: [1, 12], padded: true },
  { layout: '-' },
  { layout: '02', digits: 2, name: 'day', range: [0, 99], padded: true },
  { layout: 'T' },
  { layout: '15', digits: 2, name: 'hour', range: [0, 23], padded: false },
  { layout: ':' },
  { layout: '04', digits: 2, name: 'minute', range: [0, 59], padded: true },
  { layout: ':' },
  { layout: '05', digits: 2, name: 'second', range: [0, 59], padded: true },
] as const

/** metav1.Time: RFC 3339; a fraction is taken, and lost. */
export const parseTime = (text: string): GoTime => parse(text, RFC3339)

/** metav1.MicroTime: as RFC 3339 with exactly six digits of a fraction. */
export const parseMicroTime = (text: string): GoTime => parse(text, RFC3339_MICRO)

// Source: go/src/time/format.go, parse; apimachinery meta/v1 time.go and micro_time.go.
function parse(text: string, layout: typeof RFC3339 | typeof RFC3339_MICRO): GoTime {
  const quoted = quoteLikeGo(text)
  const bad = (rest: string, part: string): GoTime => ({
    error: `parsing time ${quoted} as "${layout}": cannot parse ${quoteLikeGo(rest)} as "${part}"`,
  })
  const outOfRange = (what: string): GoTime => ({
    error: `parsing time ${quoted}: ${what} out of range`,
  })
  const numbers: number[] = []
  let rest = text
  for (const part of PARTS) {
    if (!('digits' in part)) {
      if (!rest.startsWith(part.layout)) return bad(rest, part.layout)
      rest = rest.slice(part.layout.length)
      continue
    }
    const least = part.padded ? part.digits : 1
    const [digits] = new RegExp(`^\\d{${least},${part.digits}}`).exec(rest) ?? []
    if (digits === undefined) return bad(rest, part.layout)
    const [low, high] = part.range
    if (Number(digits) < low || Number(digits) > high) return outOfRange(part.name)
    numbers.push(Number(digits))
    rest = rest.slice(digits.length)
  }
  const isMicro = layout === RFC3339_MICRO
  const [fraction] = (isMicro ? /^[.,]\d{6}/ : /^[.,]\d+/).exec(rest) ?? []
  if (isMicro && (fraction === undefined || /^[.,]\d{6}$/.test(fraction) === false))
    return bad(rest, '.000000')
  rest = rest.slice(fraction?.length ?? 0)
  const [zone, sign, hours = '0', minutes = '0'] = /^(?:Z|([+-])(\d\d):(\d\d))/.exec(rest) ?? []
  if (zone === undefined) return bad(rest, 'Z07:00')
  if (Number(hours) > 24) return outOfRange('time zone offset hour')
  if (Number(minutes) > 60) return outOfRange('time zone offset minute')
  const extra = rest.slice(zone.length)
  if (extra !== '') return { error: `parsing time ${quoted}: extra text: ${quoteLikeGo(extra)}` }
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = numbers
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return outOfRange('day')
  const offset = (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1)
  date.setUTCHours(hour, minute - offset, second)
  const whole = date.toISOString().replace(/\.000Z$/, '')
  return { text: isMicro ? `${whole}.${fraction!.slice(1)}Z` : `${whole}Z` }
}
