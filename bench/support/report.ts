import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, release } from 'node:os'
import { join, resolve } from 'node:path'

/** What was measured, all rounds of it. */
export interface Measurement {
  readonly name: string
  readonly unit: string
  readonly values: readonly number[]
  /** What must hold for the median: at most this. */
  readonly atMost?: number
  /** … or at least this. */
  readonly atLeast?: number
  /** Why there are no values, or of what less than was asked for they are. */
  readonly reason?: string
}

const results = resolve(import.meta.dirname, '../results')

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Two to the minus a thousand is near the smallest number; from there on the binomial distribution is as good as normal. */
const MOST_EXACT = 1000

/**
 * Where the median of what was sampled lies, with at least 95 % confidence, by order statistics: as many values lie below it as heads fall in
 * so many tosses of a coin. `undefined` for fewer than six values: their smallest and largest do not say it.
 */
export function intervalOf(values: readonly number[]): readonly [number, number] | undefined {
  const n = values.length
  const sorted = values.toSorted((a, b) => a - b)
  let left = -1
  if (n > MOST_EXACT) left = Math.floor(n / 2 - 0.98 * Math.sqrt(n))
  for (let [heads, likely, sum] = [0, 0.5 ** n, 0]; n <= MOST_EXACT; heads++) {
    sum += likely
    if (2 * sum > 0.05) break
    left = heads
    likely *= (n - heads) / (heads + 1)
  }
  return left < 0 ? undefined : [sorted[left]!, sorted[n - 1 - left]!]
}

export function printTable(measurements: readonly Measurement[]): void {
  const cell = (value: number) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
  const width = Math.max(...measurements.map(({ name }) => name.length))
  console.log(
    `${''.padEnd(width)}  ${['median', 'min', 'max', 'rounds', 'target'].map((head) => head.padStart(9)).join('')}`,
  )
  for (const measurement of measurements) {
    const { name, unit, values, reason } = measurement
    if (values.length === 0) {
      console.log(`${name.padEnd(width)}  ${reason}`)
      continue
    }
    const cells = [median(values), Math.min(...values), Math.max(...values)]
      .map((value) => cell(value).padStart(9))
      .join('')
    const target = describeTarget(measurement)
    // Of a ratio too, whose name says of what.
    const interval = target || unit === '' ? intervalOf(values)?.map(cell).join(' to ') : undefined
    const words = [target, unit, interval && `(median ${interval})`, reason && `(${reason})`]
    console.log(
      `${name.padEnd(width)}  ${cells}${String(values.length).padStart(9)}  ${words.filter(Boolean).join(' ')}`,
    )
  }
}

/** `not shown` where the target lies within what the median may be. */
function describeTarget({ values, atMost, atLeast }: Measurement): string {
  const target = atMost ?? atLeast
  if (target === undefined) return ''
  const [low, high] = intervalOf(values) ?? [median(values), median(values)]
  const [isBelow, isAbove] = [high <= target, low >= target]
  const isHeld = atMost === undefined ? isAbove : isBelow
  const isMissed = atMost === undefined ? high < target : low > target
  return `${atMost === undefined ? '≥' : '≤'} ${Number(target.toPrecision(3))} ${isHeld ? 'held' : isMissed ? 'MISSED' : 'not shown'}`
}

/** Prints one JSON line, and keeps it as bench/results/NAME.json. */
export function keepResult(name: string, measurements: readonly Measurement[]): void {
  const line = JSON.stringify({
    bench: name,
    at: new Date().toISOString(),
    commit: commit(),
    machine: machine(),
    /** Of the last 1, 5 and 15 minutes, the bench's own included. */
    load: loadavg(),
    measurements: measurements.map((one) => ({
      ...one,
      ...(one.values.length > 0 && { median: median(one.values) }),
      interval: intervalOf(one.values),
    })),
  })
  console.log(line)
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, `${name}.json`), `${line}\n`)
}

function commit(): string {
  const { stdout } = spawnSync('git', ['describe', '--always', '--dirty'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  return stdout.trim()
}

function machine(): string {
  const model =
    /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown'
  return `${availableParallelism()} x ${model}, Linux ${release()}, Node ${process.version}`
}
