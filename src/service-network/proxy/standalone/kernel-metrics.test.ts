import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silentLog } from '#log/log.ts'
import { createRegistry } from '#wire/prometheus/registry.ts'
import type { ModeCounters } from '../mode.ts'
import { createKernelMetrics } from './kernel-metrics.ts'

const tableOf = (counters: ModeCounters | Error) => ({
  async counters() {
    if (counters instanceof Error) throw counters
    return counters
  },
})

function createMetrics() {
  const registry = createRegistry()
  const metrics = createKernelMetrics(registry)
  return {
    ...metrics,
    async series() {
      await metrics.refresh(silentLog)
      const lines = registry.render().split('\n')
      return lines.filter((line) => line !== '' && !line.startsWith('#'))
    },
  }
}

// Source of kube-proxy's names and labels: kubernetes pkg/proxy/metrics/metrics.go.
suite('createKernelMetrics()', () => {
  test('iptables mode: rules by family and table, and what the kernel counts for both families once', async () => {
    const { follow, series } = createMetrics()
    const shared = { invalidPacketsDropped: 7, localhostNodePortPackets: 3 }
    const nat = { held: 40, written: 5 }
    const filter = { held: 9, written: 0 }
    follow('iptables', 4, tableOf({ rules: 49, tables: { nat, filter }, ...shared }))
    follow(
      'iptables',
      6,
      tableOf({ rules: 8, tables: { nat: { held: 8, written: 8 } }, ...shared }),
    )
    const rules = 'kubeproxy_sync_proxy_rules_iptables'
    assert.deepEqual(await series(), [
      `${rules}_total{ip_family="IPv4",table="nat"} 40`,
      `${rules}_total{ip_family="IPv4",table="filter"} 9`,
      `${rules}_total{ip_family="IPv6",table="nat"} 8`,
      `${rules}_last{ip_family="IPv4",table="nat"} 5`,
      `${rules}_last{ip_family="IPv4",table="filter"} 0`,
      `${rules}_last{ip_family="IPv6",table="nat"} 8`,
      'kubeproxy_iptables_ct_state_invalid_dropped_packets_total 7',
      'kubeproxy_iptables_localhost_nodeports_accepted_packets_total 3',
    ])
  })

  test('iptables mode on a kernel without named counters says nothing of them', async () => {
    const { follow, series } = createMetrics()
    follow('iptables', 4, tableOf({ rules: 0 }))
    assert.deepEqual(await series(), [])
  })

  test('nftables mode: packets that conntrack could not place, by Service, and no series of iptables', async () => {
    const { follow, series } = createMetrics()
    const invalidPackets = new Map([['default/web', 2]])
    const close = follow('nftables', 4, tableOf({ rules: 12, invalidPackets }))
    assert.deepEqual(await series(), [
      'fairlead_proxy_invalid_packets_total{ip_family="IPv4",namespace="default",service="web"} 2',
    ])
    close()
    assert.deepEqual(await series(), [])
  })

  test('a table that does not answer is left out', async () => {
    const { follow, series } = createMetrics()
    const nat = { held: 1, written: 1 }
    follow('iptables', 4, tableOf(new Error('gone')))
    follow('iptables', 6, tableOf({ rules: 1, tables: { nat } }))
    const rules = 'kubeproxy_sync_proxy_rules_iptables'
    assert.deepEqual(await series(), [
      `${rules}_total{ip_family="IPv6",table="nat"} 1`,
      `${rules}_last{ip_family="IPv6",table="nat"} 1`,
    ])
  })
})
