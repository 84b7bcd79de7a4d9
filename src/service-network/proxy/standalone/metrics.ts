import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { Informer } from '#client/informer.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import {
  createRegistry,
  observeProcess,
  type Registry,
  type Sample,
} from '#wire/prometheus/registry.ts'
import { TRIGGER_TIME } from '../../endpoints/trigger-times.ts'
import type { ServiceModel } from '../../model.ts'
import type { Mode, ModeTable, SyncOutcome } from '../mode.ts'
import type { ProxyObserver } from '../proxy-observer.ts'
import { createFlowMetrics } from './flow-metrics.ts'
import { createKernelMetrics } from './kernel-metrics.ts'
import { labelsOf, PREFIX, SYNC_BUCKETS } from './metric-labels.ts'

export interface ProxyMetrics {
  readonly registry: Registry
  /** The mode, each of whose syncs is measured. */
  observe(mode: Mode): Mode
  /** Measures what the proxy does beside its rules. */
  readonly observer: ProxyObserver
  /** Counts what is heard of. Returns the way to stop. */
  follow(services: Informer<Service>, slices: Informer<EndpointSlice>): () => void
  /** All of them, in Prometheus' text format, with what the kernel counts now. */
  render(log: Log): Promise<string>
}

/** Source: kubernetes pkg/proxy/metrics/metrics.go. */
const PROGRAMMING_BUCKETS = [
  ...[0.25, 0.5],
  ...Array.from({ length: 59 }, (_, index) => index + 1),
  ...Array.from({ length: 12 }, (_, index) => 60 + 5 * index),
  ...Array.from({ length: 7 }, (_, index) => 120 + 30 * index),
]
/** A slice that nobody brings into the kernel waits no longer than this for its time to be counted. */
const MAX_TRIGGERS = 10_000

/** kube-proxy's metrics, by upstream's names (facts/services.md 1.1, "metrics"). */
export function createProxyMetrics(families: readonly Family[]): ProxyMetrics {
  const registry = createRegistry()
  const syncs = createSyncMetrics(registry)
  const changes = createChangeMetrics(registry, families)
  const kernel = createKernelMetrics(registry)
  observeProcess(registry)
  return {
    registry,
    observer: createFlowMetrics(registry),
    observe: (mode) => ({
      ...mode,
      open: async (deps, options) => {
        const family = familyOf(options.nodeIP)
        const table = await mode.open(deps, options)
        return observeTable(table, {
          started: () => changes.taken(family),
          closed: kernel.follow(mode.name, family, table),
          ended: (milliseconds, outcome, model) => {
            syncs.synced(family, milliseconds, outcome, model)
            changes.synced(family)
          },
          failed: (wasPartial) => syncs.failed(mode.name, family, wasPartial),
        })
      },
    }),
    follow: changes.follow,
    async render(log) {
      await kernel.refresh(log)
      return registry.render()
    },
  }
}

interface TableWatch {
  started(): void
  ended(milliseconds: number, outcome: SyncOutcome, model: ServiceModel): void
  /** @param wasPartial the kernel was known, and only a change should have been written */
  failed(wasPartial: boolean): void
  closed(): void
}

function observeTable(table: ModeTable, watch: TableWatch): ModeTable {
  let isKnown = false
  return {
    isIntact: () => table.isIntact(),
    doubt() {
      isKnown = false
      table.doubt()
    },
    setServiceCIDRs: (serviceCIDRs) => table.setServiceCIDRs?.(serviceCIDRs),
    remove: (drain, onRulesGone) => table.remove(drain, onRulesGone),
    counters: () => table.counters(),
    [Symbol.asyncDispose]() {
      watch.closed()
      return table[Symbol.asyncDispose]()
    },
    async sync(model) {
      const start = performance.now()
      watch.started()
      try {
        const outcome = await table.sync(model)
        watch.ended(performance.now() - start, outcome, model)
        isKnown = true
        return outcome
      } catch (error) {
        watch.failed(isKnown)
        isKnown = false
        throw error
      }
    },
  }
}

function createSyncMetrics(registry: Registry) {
  const histogram = (name: string, help: string) =>
    registry.histogram(`${PREFIX}${name}`, help, SYNC_BUCKETS)
  const all = histogram('sync_proxy_rules_duration_seconds', 'How long a sync took')
  const full = histogram(
    'sync_full_proxy_rules_duration_seconds',
    'How long a sync of everything took',
  )
  const partial = histogram(
    'sync_partial_proxy_rules_duration_seconds',
    'How long a sync of changes took',
  )
  const last = registry.gauge(
    `${PREFIX}sync_proxy_rules_last_timestamp_seconds`,
    'When rules were last brought into the kernel',
  )
  const models = new Map<Family, ServiceModel>()
  registry.observed(
    `${PREFIX}sync_proxy_rules_no_local_endpoints_total`,
    'gauge',
    'Services with a Local traffic policy and no endpoint on this node',
    () => [...models].flatMap(([family, model]) => countWithoutLocal(family, model)),
  )
  const iptables = registry.counter(
    `${PREFIX}sync_proxy_rules_iptables_restore_failures_total`,
    'Failed calls of iptables-restore',
  )
  const partialIptables = registry.counter(
    `${PREFIX}sync_proxy_rules_iptables_partial_restore_failures_total`,
    'Of those, calls for changes only',
  )
  const nftables = registry.counter(
    `${PREFIX}sync_proxy_rules_nftables_sync_failures_total`,
    'Failed nftables transactions',
  )
  registry.counter(
    `${PREFIX}sync_proxy_rules_nftables_cleanup_failures_total`,
    'Never counted here: what is stale goes in the transaction that makes it so',
  )
  return {
    synced(family: Family, milliseconds: number, outcome: SyncOutcome, model: ServiceModel): void {
      const labels = labelsOf(family)
      all.observe(milliseconds / 1000, labels)
      if (outcome === 'replaced') full.observe(milliseconds / 1000, labels)
      else if (outcome === 'changed') partial.observe(milliseconds / 1000, labels)
      last.set(Date.now() / 1000, labels)
      models.set(family, model)
    },
    failed(mode: string, family: Family, wasPartial: boolean): void {
      if (mode === 'iptables') iptables.add(labelsOf(family))
      if (mode === 'iptables' && wasPartial) partialIptables.add(labelsOf(family))
      if (mode === 'nftables') nftables.add(labelsOf(family))
    },
  }
}

/** Services that would answer elsewhere and do not here. A look at all of them: for whoever asks, not for each sync. */
function countWithoutLocal(family: Family, model: ServiceModel): readonly Sample[] {
  const counts = { internal: 0, external: 0 }
  for (const { ports } of model.values()) {
    const isWithout = { internal: false, external: false }
    for (const { endpoints, internalTrafficPolicy, externalTrafficPolicy } of ports) {
      if (endpoints.cluster.length === 0 || endpoints.local.length > 0) continue
      isWithout.internal ||= internalTrafficPolicy === 'Local'
      isWithout.external ||= externalTrafficPolicy === 'Local'
    }
    if (isWithout.internal) counts.internal++
    if (isWithout.external) counts.external++
  }
  return (['internal', 'external'] as const).map((policy) => ({
    labels: { ...labelsOf(family), traffic_policy: policy },
    value: counts[policy],
  }))
}

/** Those of changes have no family, as upstream (kubernetes.io, reference/instrumentation/metrics). */
function createChangeMetrics(registry: Registry, families: readonly Family[]) {
  const states = new Map(
    families.map((family) => [
      family,
      { endpoint: 0, service: 0, queuedAt: 0, triggers: [] as number[], taken: [] as number[] },
    ]),
  )
  const totals = { endpoint: 0, service: 0 }
  // A load is twenty thousand changes: what is shown of them is worked out for whoever looks.
  for (const kind of ['endpoint', 'service'] as const) {
    const what = kind === 'endpoint' ? 'endpoints' : 'Services'
    const show = (suffix: string, type: 'counter' | 'gauge', help: string, value: () => number) =>
      registry.observed(`${PREFIX}sync_proxy_rules_${kind}_changes_${suffix}`, type, help, () => [
        { value: value() },
      ])
    show('total', 'counter', `Changes of ${what} heard of`, () => totals[kind])
    show('pending', 'gauge', `Changes of ${what} not in the kernel yet`, () =>
      [...states.values()].reduce((sum, state) => sum + state[kind], 0),
    )
  }
  registry.observed(
    `${PREFIX}sync_proxy_rules_last_queued_timestamp_seconds`,
    'gauge',
    'When a sync was last asked for',
    () =>
      [...states].flatMap(([family, { queuedAt }]) =>
        queuedAt === 0 ? [] : [{ labels: labelsOf(family), value: queuedAt / 1000 }],
      ),
  )
  const programming = registry.histogram(
    `${PREFIX}network_programming_duration_seconds`,
    'From the change of a pod or Service to rules in the kernel',
    PROGRAMMING_BUCKETS,
  )
  // What happened before was another proxy's to do.
  const startedAt = Date.now()
  const heard = (kind: 'endpoint' | 'service', family: Family) => {
    const state = states.get(family)
    if (!state) return
    state[kind]++
    state.queuedAt = Date.now()
    totals[kind]++
  }
  return {
    follow(services: Informer<Service>, slices: Informer<EndpointSlice>): () => void {
      const stops = [
        services.subscribe(() => families.forEach((family) => heard('service', family))),
        slices.subscribe(({ type, object, previous }) => {
          const family = object.addressType === 'IPv6' ? 6 : 4
          heard('endpoint', family)
          const at = triggerOf(object)
          const state = states.get(family)
          const isNew =
            type !== 'deleted' && at !== undefined && at !== triggerOf(previous) && at >= startedAt
          if (isNew && state && state.triggers.length < MAX_TRIGGERS) state.triggers.push(at)
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    /** A sync begins, which covers what was heard so far. */
    taken(family: Family): void {
      const state = states.get(family)
      state?.taken.push(...state.triggers.splice(0))
    },
    synced(family: Family): void {
      const state = states.get(family)
      if (!state) return
      for (const at of state.taken.splice(0))
        programming.observe(Math.max(0, Date.now() - at) / 1000, labelsOf(family))
      Object.assign(state, { endpoint: 0, service: 0 })
    },
  }
}

function triggerOf(slice: EndpointSlice | undefined): number | undefined {
  const at = Date.parse(slice?.metadata.annotations?.[TRIGGER_TIME] ?? '')
  return Number.isNaN(at) ? undefined : at
}
