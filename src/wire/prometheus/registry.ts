/**
 * Metrics in Prometheus's text format 0.0.4, as every scraper reads it.
 * Source: prometheus/docs, instrumenting/exposition_formats.md.
 */
import { readdirSync } from 'node:fs'

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export type Labels = Readonly<Record<string, string>>

export interface Counter {
  /** Adds 1, or `by`. */
  add(labels?: Labels, by?: number): void
}

export interface Gauge {
  set(value: number, labels?: Labels): void
}

export interface Histogram {
  observe(value: number, labels?: Labels): void
}

export interface Registry {
  counter(name: string, help: string): Counter
  gauge(name: string, help: string): Gauge
  /** @param bounds Upper ends of the buckets, ascending; `+Inf` comes by itself */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram
  /** Values that are asked for when somebody looks. */
  observed(
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    read: () => Iterable<Sample>,
  ): void
  render(): string
}

export interface Sample {
  readonly labels?: Labels
  readonly value: number
}

interface Family {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  lines(): Iterable<string>
}

/** A label's values may come from outside; a family does not grow without end. */
const MAX_SERIES = 5_000

export function createRegistry(): Registry {
  const families: Family[] = []
  const values = (name: string, type: 'counter' | 'gauge', help: string) => {
    const series = new Map<string, number>()
    families.push({
      ...{ name, type, help },
      *lines() {
        for (const [labels, value] of [...series].sort()) yield `${name}${labels} ${format(value)}`
      },
    })
    return series
  }
  return {
    counter(name, help) {
      const series = values(name, 'counter', help)
      return { add: (labels, by = 1) => put(series, labels, (before) => (before ?? 0) + by) }
    },
    gauge(name, help) {
      const series = values(name, 'gauge', help)
      return { set: (value, labels) => put(series, labels, () => value) }
    },
    histogram(name, help, bounds) {
      const { family, histogram } = createHistogram(name, help, bounds)
      families.push(family)
      return histogram
    },
    observed(name, type, help, read) {
      families.push({
        ...{ name, type, help },
        *lines() {
          for (const { labels, value } of read())
            yield `${name}${formatLabels(labels)} ${format(value)}`
        },
      })
    },
    render: () => families.map(renderFamily).join(''),
  }
}

function put<T>(series: Map<string, T>, labels: Labels | undefined, next: (before?: T) => T): void {
  const key = formatLabels(labels)
  if (series.has(key) || series.size < MAX_SERIES) series.set(key, next(series.get(key)))
}

function createHistogram(name: string, help: string, bounds: readonly number[]) {
  interface Series {
    readonly labels: Labels
    readonly counts: number[]
    sum: number
  }
  const series = new Map<string, Series>()
  const histogram: Histogram = {
    observe(value, labels = {}) {
      put(series, labels, (before) => {
        const held = before ?? { labels, counts: bounds.map(() => 0).concat(0), sum: 0 }
        const index = bounds.findIndex((bound) => value <= bound)
        held.counts[index < 0 ? bounds.length : index]! += 1
        held.sum += value
        return held
      })
    },
  }
  const family: Family = {
    ...{ name, type: 'histogram', help },
    *lines() {
      for (const [key, { labels, counts, sum }] of [...series].sort(([a], [b]) =>
        a < b ? -1 : 1,
      )) {
        let total = 0
        for (const [index, count] of counts.entries()) {
          total += count
          const le = index < bounds.length ? format(bounds[index]!) : '+Inf'
          yield `${name}_bucket${formatLabels({ ...labels, le })} ${total}`
        }
        yield `${name}_sum${key} ${format(sum)}`
        yield `${name}_count${key} ${total}`
      }
    },
  }
  return { family, histogram }
}

function renderFamily(family: Family): string {
  const { name, type, help } = family
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  const head = `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`
  return [head, ...[...family.lines()].map((line) => `${line}\n`)].join('')
}

/** Whoever counts often counts with the same object. */
const formatted = new WeakMap<Labels, string>()
const NO_LABELS: Labels = {}

function formatLabels(labels: Labels = NO_LABELS): string {
  const known = formatted.get(labels)
  if (known !== undefined) return known
  const text = renderLabels(labels)
  formatted.set(labels, text)
  return text
}

function renderLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function format(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

/** What client libraries tell of their process. Source of names: client_golang prometheus/process_collector.go. */
export function observeProcess(registry: Registry): void {
  const { observed } = registry
  observed('process_cpu_seconds_total', 'counter', 'User and system CPU time in seconds', () => {
    const { user, system } = process.cpuUsage()
    return [{ value: (user + system) / 1e6 }]
  })
  observed('process_resident_memory_bytes', 'gauge', 'Resident memory in bytes', () => [
    { value: process.memoryUsage.rss() },
  ])
  observed('process_open_fds', 'gauge', 'Open file descriptors', () => [
    { value: readdirSync('/proc/self/fd').length },
  ])
  observed('process_start_time_seconds', 'gauge', 'Start in seconds since the Unix epoch', () => [
    { value: performance.timeOrigin / 1000 },
  ])
}
