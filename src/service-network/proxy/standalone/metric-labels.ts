import type { Family } from '#ip/ip.ts'

/** kube-proxy's. */
export const PREFIX = 'kubeproxy_'
/** Source: kubernetes pkg/proxy/metrics/metrics.go. */
export const SYNC_BUCKETS: readonly number[] = Array.from(
  { length: 15 },
  (_, index) => 0.001 * 2 ** index,
)

const LABELS = { 4: { ip_family: 'IPv4' }, 6: { ip_family: 'IPv6' } } as const

export function labelsOf(family: Family) {
  return LABELS[family]
}
