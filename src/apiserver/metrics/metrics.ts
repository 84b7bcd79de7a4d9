/** What /metrics tells: a few of upstream's metrics, by upstream's names, in Prometheus's text format 0.0.4. */
import {
  CONTENT_TYPE,
  createRegistry,
  type Labels,
  observeProcess,
} from '#wire/prometheus/registry.ts'
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
  const labelled = createLabels()
  const requests = registry.counter('apiserver_request_total', 'Requests answered')
  observeProcess(registry)
  return {
    count: (labels, code) => requests.add(labelled(labels, code)),
    answer: () => ({ code: 200, contentType: CONTENT_TYPE, body: registry.render() }),
  }
}

/** Sorted. The same object each time, for what is served is known, and so are the texts that were made of it. */
function createLabels() {
  const known = new Map<string, Labels>()
  return (labels: RequestLabels, code: number): Labels => {
    const { dry_run, group, resource, scope, subresource, verb, version } = labels
    const key = [code, dry_run, group, resource, scope, subresource, verb, version].join('/')
    let found = known.get(key)
    if (!found) {
      const component = 'apiserver'
      found = {
        code: `${code}`,
        component,
        dry_run,
        group,
        resource,
        scope,
        subresource,
        verb,
        version,
      }
      known.set(key, found)
    }
    return found
  }
}
