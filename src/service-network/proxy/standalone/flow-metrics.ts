import type { Registry } from '#wire/prometheus/registry.ts'
import type { ProxyObserver } from '../proxy-observer.ts'
import { labelsOf, PREFIX, SYNC_BUCKETS } from './metric-labels.ts'

/**
 * What kube-proxy counts beside its rules: UDP flows that it deletes, and nodePorts on localhost.
 * `nftables_localhost_nodeport_rejected_packets_total` is missing: no rule rejects there, since nobody listens where there is no endpoint.
 *
 * @see kubernetes pkg/proxy/metrics/metrics.go; KEP-6032, "Monitoring Requirements"
 */
export function createFlowMetrics(registry: Registry): ProxyObserver {
  const duration = registry.histogram(
    `${PREFIX}conntrack_reconciler_sync_duration_seconds`,
    'How long it took to look for stale UDP flows and to delete them',
    SYNC_BUCKETS,
  )
  const deletedTotal = registry.counter(
    `${PREFIX}conntrack_reconciler_deleted_entries_total`,
    'UDP flows deleted since their endpoint was gone',
  )
  const listeners = registry.gauge(
    `${PREFIX}nftables_localhost_nodeport_listeners`,
    'nodePorts that have a listener on loopback',
  )
  const failures = registry.counter(
    `${PREFIX}nftables_localhost_nodeport_listener_creation_failures_total`,
    'nodePorts that could not be opened on loopback',
  )
  return {
    flowsSwept(family, milliseconds, deleted) {
      duration.observe(milliseconds / 1000, labelsOf(family))
      deletedTotal.add(labelsOf(family), deleted)
    },
    localhostListeners: (family, open) => listeners.set(open, labelsOf(family)),
    localhostListenerFailed: (family) => failures.add(labelsOf(family)),
  }
}
