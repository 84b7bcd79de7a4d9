/** What /metrics tells: a few of upstream's metrics, by upstream's names, in Prometheus's text format 0.0.4. */
import type { WholeAnswer } from '../http/answer.ts'
import type { InFlight } from '../http/in-flight.ts'
import type { RequestLabels } from './request-labels.ts'

export interface Metrics {
  /** @param code What the request was answered with */
  count(labels: RequestLabels, code: number): void
  answer(): WholeAnswer
}

/** Label sets are bounded by what is served; custom resources come and go, so that there is a bound besides. */
const MAX_SERIES = 5_000

/** Source of names, labels and types: apiserver endpoints/metrics/metrics.go, component-base metrics, client_golang. */
export function createMetrics(inFlight: InFlight): Metrics {
  const requests = new Map<string, number>()
  return {
    count(labels, code) {
      const key = format({ code, component: 'apiserver', ...labels })
      const count = requests.get(key)
      if (count !== undefined || requests.size < MAX_SERIES) requests.set(key, (count ?? 0) + 1)
    },
    answer() {
      const { reading, writing } = inFlight.counts
      const cpu = process.cpuUsage()
      const families = [
        family('apiserver_current_inflight_requests', 'gauge', 'Requests in work, by kind', [
          ['{request_kind="mutating"}', writing],
          ['{request_kind="readOnly"}', reading],
        ]),
        family('apiserver_request_total', 'counter', 'Requests answered', [...requests].sort()),
        family('process_cpu_seconds_total', 'counter', 'User and system CPU time in seconds', [
          ['', (cpu.user + cpu.system) / 1e6],
        ]),
        family('process_resident_memory_bytes', 'gauge', 'Resident memory in bytes', [
          ['', process.memoryUsage.rss()],
        ]),
        family('process_start_time_seconds', 'gauge', 'Start in seconds since the Unix epoch', [
          ['', performance.timeOrigin / 1000],
        ]),
      ]
      const contentType = 'text/plain; version=0.0.4; charset=utf-8'
      return { code: 200, contentType, body: families.join('') }
    },
  }
}

function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: readonly (readonly [labels: string, value: number])[],
): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`)
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function format(labels: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(String(value))}`)
  return `{${pairs.join(',')}}`
}
