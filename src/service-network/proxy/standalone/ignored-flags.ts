/*
 * kube-proxy's other flags: they mean nothing here, and a manifest that sets them must start all the same.
 * Source of names: kube-proxy --help of 1.36 and of releases before it (kubernetes.io, reference/command-line-tools-reference/kube-proxy).
 */

/** Told of, where they are set: somebody may count on them. */
export const WITHOUT_EFFECT: readonly string[] = [
  ...['feature-gates', 'profiling', 'proxy-port-range', 'show-hidden-metrics-for-version'],
  ...['iptables-masquerade-bit', 'iptables-min-sync-period', 'ipvs-min-sync-period'],
  ...['ipvs-exclude-cidrs', 'ipvs-tcp-timeout', 'ipvs-tcpfin-timeout', 'ipvs-udp-timeout'],
  ...['kube-api-burst', 'kube-api-qps', 'kube-api-content-type', 'udp-timeout', 'cleanup-ipvs'],
  ...['resource-container', 'healthz-port', 'metrics-port', 'windows-service'],
]

/** They tell how to log, and how often to ask an API server that is watched here. */
export const SILENT: readonly string[] = [
  ...['config-sync-period', 'logging-format', 'log-flush-frequency', 'log-text-info-buffer-size'],
  ...['log-text-split-stream', 'log-json-info-buffer-size', 'log-json-split-stream', 'v'],
  ...['vmodule', 'add-dir-header', 'alsologtostderr', 'log-backtrace-at', 'log-dir', 'log-file'],
  ...['log-file-max-size', 'logtostderr', 'one-output', 'skip-headers', 'skip-log-headers'],
  ...['stderrthreshold'],
]

/** Of both, those that are true where nothing is said. */
export const BARE: readonly string[] = [
  ...['profiling', 'cleanup-ipvs', 'windows-service', 'log-text-split-stream'],
  ...['log-json-split-stream', 'add-dir-header', 'alsologtostderr', 'logtostderr', 'one-output'],
  ...['skip-headers', 'skip-log-headers'],
]
