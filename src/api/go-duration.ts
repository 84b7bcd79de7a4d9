const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Go's time.ParseDuration in milliseconds: `1h30m`, `1.5s`, `-2ms`, `0`; undefined for what is none. */
export function parseGoDuration(text: string): number | undefined {
  if (text.length > 64) return undefined
  const [, sign = '', rest = ''] = /^([+-]?)(.+)$/.exec(text) ?? []
  if (rest === '0') return 0
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/.test(rest)) return undefined
  let sum = 0
  for (const [, number, unit] of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g))
    sum += Number(number) * UNITS_MS[unit!]!
  return sign === '-' ? -sum : sum
}
