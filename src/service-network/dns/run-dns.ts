import type { Namespace, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { Informer } from '#client/informer.ts'
import type { IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import type { DomainName } from '#wire/dns/name.ts'
import { cache } from './cache.ts'
import { chain } from './chain.ts'
import { cluster } from './cluster.ts'
import { MutableClusterIndex } from './cluster-index.ts'
import { count, createMeter } from './count.ts'
import { feedIndex } from './feed-index.ts'
import { forward } from './forward.ts'
import { serveCheck } from './health.ts'
import { loadBalance } from './load-balance.ts'
import { logErrors } from './log-errors.ts'
import { respond } from './respond.ts'
import { serveDNS } from './server.ts'
import type { Upstream } from './upstream.ts'

export interface DNSDeps {
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly namespaces: Informer<Namespace>
  readonly log: Log
}

export interface DNSOptions {
  readonly zone: DomainName
  readonly ttlSeconds: number
  readonly address: IP
  readonly port: number
  readonly upstreams: readonly Upstream[]
  /** Where clients reach this server, for `ns.dns.<zone>`. */
  readonly serverAddresses: readonly IP[]
  readonly healthPort: number
  readonly readyPort: number
  /** How long it answers on after the signal: clients learn late that it goes. */
  readonly lameDuckMs: number
  readonly onListening?: (ports: { dns: number; health: number; ready: number }) => void
}

/** Answers DNS until `signal` aborts, and for `lameDuckMs` after that, no longer ready. */
export async function runDNS(
  deps: DNSDeps,
  options: DNSOptions,
  signal: AbortSignal,
): Promise<void> {
  const { log } = deps
  const { address, port, upstreams } = options
  const index = new MutableClusterIndex()
  const now = Date.now
  // The order is the design, so it is written once, in the open.
  const serve = chain([
    logErrors(log),
    count(createMeter()),
    loadBalance(),
    cluster(index, options),
    cache({ now, maxEntries: 2048, maxTTLSeconds: 30 }),
    forward({ upstreams, timeoutMs: 2000, tries: 2, maxInFlight: 1000, now }),
  ])
  const responding = { serve, recursionAvailable: upstreams.length > 0, log }
  await using server = await serveDNS(
    { address, port },
    (packet, protocol) => respond(packet, protocol, responding),
    log,
  )
  await using health = await serveCheck(
    { address, port: options.healthPort, path: '/health' },
    () => true,
  )
  await using ready = await serveCheck(
    { address, port: options.readyPort, path: '/ready' },
    () => index.isSynced && !signal.aborted,
  )
  options.onListening?.({ dns: server.port, health: health.port, ready: ready.port })
  feedIndex(index, deps).then(
    () => log.info('Answering', { zone: options.zone, port: server.port }),
    () => {}, // the informers were stopped before they had listed
  )
  await aborted(signal)
  await new Promise((resolve) => setTimeout(resolve, options.lameDuckMs))
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
