import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { planServiceModel } from '../../model.ts'
import type { Mode, ModeOptions, SyncOutcome } from '../mode.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { createProxyMetrics } from './metrics.ts'

const NODE: ModeOptions = {
  nodeName: 'node1',
  nodeIP: ip('172.30.0.11'),
  podCIDR: cidr('10.244.0.0/16'),
  serviceCIDR: cidr('10.96.0.0/16'),
  podDevice: 'cni0',
}
const IPV4 = '{ip_family="IPv4"}'
const local = serviceOf('local', {
  clusterIP: '10.96.0.20',
  ports: portOf(80),
  internalTrafficPolicy: 'Local',
})

/** Answers as it is told. */
function createFakeMode(name: Mode['name'] = 'nftables') {
  const fake = { next: 'replaced' as SyncOutcome | Error }
  const mode: Mode = {
    name,
    removeLeftovers: async () => {},
    open: async () => ({
      sync: async () => {
        if (fake.next instanceof Error) throw fake.next
        return fake.next
      },
      isIntact: async () => true,
      doubt() {},
      remove: async () => {},
      counters: async () => ({ rules: 0 }),
      async [Symbol.asyncDispose]() {},
    }),
  }
  return Object.assign(fake, { mode })
}

// Source of names and labels: facts/services.md 1.1, "metrics"; kubernetes pkg/proxy/metrics/metrics.go.
suite('createProxyMetrics()', () => {
  test('measures syncs by what they did, and counts those that failed', async () => {
    const metrics = createProxyMetrics([4])
    const fake = createFakeMode()
    const table = await metrics.observe(fake.mode).open({ log: silentLog }, NODE)
    // An endpoint on node2; this node is another.
    const model = planServiceModel([local], [sliceOf('local', ['10.244.2.7'])], NODE)
    await table.sync(model)
    for (const next of ['changed', 'changed', 'nothing'] as const) {
      fake.next = next
      await table.sync(model)
    }
    fake.next = new Error('refused')
    await assert.rejects(table.sync(model))
    const text = metrics.registry.render()
    const value = (series: string) =>
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1]
    assert.equal(value(`kubeproxy_sync_proxy_rules_duration_seconds_count${IPV4}`), '4')
    assert.equal(value(`kubeproxy_sync_full_proxy_rules_duration_seconds_count${IPV4}`), '1')
    assert.equal(value(`kubeproxy_sync_partial_proxy_rules_duration_seconds_count${IPV4}`), '2')
    assert.equal(value(`kubeproxy_sync_proxy_rules_nftables_sync_failures_total${IPV4}`), '1')
    const noLocal = 'kubeproxy_sync_proxy_rules_no_local_endpoints_total'
    assert.equal(value(`${noLocal}{ip_family="IPv4",traffic_policy="internal"}`), '1')
    assert.equal(value(`${noLocal}{ip_family="IPv4",traffic_policy="external"}`), '0')
  })

  test('iptables mode: a failed sync of changes counts as such too, one of everything does not', async () => {
    const metrics = createProxyMetrics([4])
    const fake = createFakeMode('iptables')
    const table = await metrics.observe(fake.mode).open({ log: silentLog }, NODE)
    const failures = 'kubeproxy_sync_proxy_rules_iptables'
    const model = planServiceModel([], [], NODE)
    const fail = async () => {
      fake.next = new Error('refused')
      await assert.rejects(table.sync(model))
      return (await metrics.render(silentLog))
        .split('\n')
        .filter((line) => /^\w+failures_total{/.test(line))
    }
    assert.deepEqual(await fail(), [`${failures}_restore_failures_total${IPV4} 1`])
    fake.next = 'replaced'
    await table.sync(model)
    const second = [
      `${failures}_restore_failures_total${IPV4} 2`,
      `${failures}_partial_restore_failures_total${IPV4} 1`,
    ]
    assert.deepEqual(await fail(), second)
    fake.next = 'replaced'
    await table.sync(model)
    table.doubt()
    assert.deepEqual(await fail(), [second[0]!.replace(/2$/, '3'), second[1]])
  })

  test('counts what waits, and how long the network took to learn of a change', async () => {
    const abort = new AbortController()
    const api = createFakeAPI()
    const services = createInformer(api, resources.services, abort.signal)
    const slices = createInformer(api, resources.endpointSlices, abort.signal)
    try {
      const metrics = createProxyMetrics([4])
      const fake = createFakeMode()
      const table = await metrics.observe(fake.mode).open({ log: silentLog }, NODE)
      metrics.follow(services, slices)
      await Promise.all([services.synced, slices.synced])
      const lines = () => metrics.registry.render().split('\n')
      const slice = sliceOf('local', ['10.244.2.7'])
      const dated = (at: number) => ({
        ...slice,
        metadata: {
          ...slice.metadata,
          name: `local-${at}`,
          annotations: {
            'endpoints.kubernetes.io/last-change-trigger-time': new Date(at).toISOString(),
          },
        },
      })
      await api.create(resources.endpointSlices, dated(Date.now() + 1000))
      // Before this proxy was there: another's to do.
      await api.create(resources.endpointSlices, dated(Date.now() - 60_000))
      const pending = 'kubeproxy_sync_proxy_rules_endpoint_changes_pending'
      await waitFor(() => lines().includes(`${pending} 2`), { what: 'both slices to be heard of' })
      await table.sync(planServiceModel([], [], NODE))
      assert.ok(lines().includes(`${pending} 0`))
      assert.ok(lines().includes('kubeproxy_sync_proxy_rules_endpoint_changes_total 2'))
      assert.ok(lines().includes(`kubeproxy_network_programming_duration_seconds_count${IPV4} 1`))
    } finally {
      abort.abort()
    }
  })

  // Source of names, types and labels: kubernetes.io, reference/instrumentation/metrics (v1.33 and later); KEP-6032, "Monitoring Requirements".
  test('has the names, types and labels of kube-proxy', async () => {
    const metrics = createProxyMetrics([4, 6])
    for (const name of ['nftables', 'iptables'] as const)
      await metrics.observe(createFakeMode(name).mode).open({ log: silentLog }, NODE)
    const { observer } = metrics
    observer.flowsSwept?.(4, 20, 3)
    observer.localhostListeners?.(6, 2)
    observer.localhostListenerFailed?.(4)
    const text = await metrics.render(silentLog)
    const types = new Map(
      [...text.matchAll(/^# TYPE kubeproxy_(\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]),
    )
    // proxy_healthz_total and proxy_livez_total are the server's: e2e/proxy-alone.test.ts.
    assert.deepEqual(Object.fromEntries([...types].sort()), UPSTREAM)
    const lines = text.split('\n')
    for (const line of [
      'kubeproxy_conntrack_reconciler_sync_duration_seconds_bucket{ip_family="IPv4",le="0.032"} 1',
      'kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv4"} 3',
      'kubeproxy_nftables_localhost_nodeport_listeners{ip_family="IPv6"} 2',
      'kubeproxy_nftables_localhost_nodeport_listener_creation_failures_total{ip_family="IPv4"} 1',
    ])
      assert.ok(lines.includes(line), line)
  })
})

const UPSTREAM = {
  conntrack_reconciler_deleted_entries_total: 'counter',
  conntrack_reconciler_sync_duration_seconds: 'histogram',
  iptables_ct_state_invalid_dropped_packets_total: 'counter',
  iptables_localhost_nodeports_accepted_packets_total: 'counter',
  network_programming_duration_seconds: 'histogram',
  nftables_localhost_nodeport_listener_creation_failures_total: 'counter',
  nftables_localhost_nodeport_listeners: 'gauge',
  sync_full_proxy_rules_duration_seconds: 'histogram',
  sync_partial_proxy_rules_duration_seconds: 'histogram',
  sync_proxy_rules_duration_seconds: 'histogram',
  sync_proxy_rules_endpoint_changes_pending: 'gauge',
  sync_proxy_rules_endpoint_changes_total: 'counter',
  sync_proxy_rules_iptables_last: 'gauge',
  sync_proxy_rules_iptables_partial_restore_failures_total: 'counter',
  sync_proxy_rules_iptables_restore_failures_total: 'counter',
  sync_proxy_rules_iptables_total: 'gauge',
  sync_proxy_rules_last_queued_timestamp_seconds: 'gauge',
  sync_proxy_rules_last_timestamp_seconds: 'gauge',
  sync_proxy_rules_nftables_cleanup_failures_total: 'counter',
  sync_proxy_rules_nftables_sync_failures_total: 'counter',
  sync_proxy_rules_no_local_endpoints_total: 'gauge',
  sync_proxy_rules_service_changes_pending: 'gauge',
  sync_proxy_rules_service_changes_total: 'counter',
}
