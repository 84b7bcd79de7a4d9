/** What /metrics tells: a few of upstream's metrics, by upstream's names, in Prometheus's text format 0.0.4. */
import { CONTENT_TYPE, createRegistry, observeProcess } from '#wire/prometheus/registry.ts'
import type { WholeAnswer } from '../http/answer.ts'
import type { InFlight } from '../http/in-flight.ts'
import type { RequestLabels } from './request-labels.ts'

export interface Metrics {
  /** @param code What the request was answered with */
  count(labels: RequestLabels, code: number): void
  answer(): WholeAnswer
}

/** Source of names, labels and types: apiserver endpoints/metrics/metrics.go, component-base metrics, client_golang. */
export function createMetrics(inFlight: InFlight): Metrics {
  const registry = createRegistry()
  registry.observed(
    'apiserver_current_inflight_requests',
    'gauge',
    'Requests in work, by kind',
    () => [
      { labels: { request_kind: 'mutating' }, value: inFlight.counts.writing },
      { labels: { request_kind: 'readOnly' }, value: inFlight.counts.reading },
    ],
  )
  const requests = registry.counter('apiserver_request_total', 'Requests answered')
  observeProcess(registry)
  return {
    count: (labels, code) =>
      requests.add(sorted({ code: `${code}`, component: 'apiserver', ...labels })),
    answer: () => ({ code: 200, contentType: CONTENT_TYPE, body: registry.render() }),
  }
}

function sorted(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
