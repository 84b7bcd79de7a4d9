import type { Family } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import type { Registry, Sample } from '#wire/prometheus/registry.ts'
import type { ModeCounters, ModeTable, ProxyMode } from '../mode.ts'

/** What a mode and the kernel count: asked when somebody looks at the metrics, and not otherwise. */
export interface KernelMetrics {
  /** From now on `table` is asked, until what it returns is called. */
  follow(mode: ProxyMode, family: Family, table: Pick<ModeTable, 'counters'>): () => void
  /** Asks every table. One that does not answer is left out, and logged. */
  refresh(log: Log): Promise<void>
}

interface Followed {
  readonly family: Family
  readonly table: Pick<ModeTable, 'counters'>
  counters?: ModeCounters
}

/** Source of kube-proxy's names, labels, and which mode has which: kubernetes pkg/proxy/metrics/metrics.go. */
export function createKernelMetrics(registry: Registry): KernelMetrics {
  const followed = new Set<Followed>()
  const registered = new Set<ProxyMode>()

  function register(mode: ProxyMode): void {
    if (registered.has(mode)) return
    registered.add(mode)
    if (mode === 'iptables') registerIptables(registry, followed)
    if (mode === 'nftables') {
      registry.observed(
        'fairlead_proxy_invalid_packets_total',
        'counter',
        'Packets of connections of a Service that conntrack could not place',
        () => invalidPackets(followed),
      )
    }
  }

  return {
    follow(mode, family, table) {
      register(mode)
      const one: Followed = { family, table }
      followed.add(one)
      return () => void followed.delete(one)
    },
    async refresh(log) {
      for (const one of followed) {
        delete one.counters
        try {
          one.counters = await one.table.counters()
        } catch (cause) {
          log.warn('Cannot read what the kernel counts', { cause })
        }
      }
    },
  }
}

function registerIptables(registry: Registry, followed: ReadonlySet<Followed>): void {
  const { observed } = registry
  const byTable = (what: 'held' | 'written') => () =>
    [...followed].flatMap(({ family, counters }) =>
      Object.entries(counters?.tables ?? {}).map(([table, counts]) => ({
        labels: { ip_family: `IPv${family}`, table },
        value: counts[what],
      })),
    )
  const rules = 'kubeproxy_sync_proxy_rules_iptables'
  observed(`${rules}_total`, 'gauge', "Rules of iptables that are the proxy's", byTable('held'))
  observed(`${rules}_last`, 'gauge', 'Rules that the last sync wrote', byTable('written'))
  observed(
    'kubeproxy_iptables_ct_state_invalid_dropped_packets_total',
    'counter',
    'Packets dropped since conntrack could not place them',
    () => ofBothFamilies(followed, 'invalidPacketsDropped'),
  )
  observed(
    'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
    'counter',
    'Packets to nodePorts at 127.0.0.1',
    () => ofBothFamilies(followed, 'localhostNodePortPackets'),
  )
}

/** The kernel counts by a name that both families share: either may be asked. */
function ofBothFamilies(
  followed: ReadonlySet<Followed>,
  name: 'invalidPacketsDropped' | 'localhostNodePortPackets',
): readonly Sample[] {
  const known = [...followed].flatMap(({ counters }) => counters?.[name] ?? [])
  return known.length === 0 ? [] : [{ value: Math.max(...known) }]
}

function invalidPackets(followed: ReadonlySet<Followed>): readonly Sample[] {
  return [...followed].flatMap(({ family, counters }) =>
    [...(counters?.invalidPackets ?? [])].map(([key, value]) => {
      const [namespace = '', service = ''] = key.split('/')
      return { labels: { ip_family: `IPv${family}`, namespace, service }, value }
    }),
  )
}
