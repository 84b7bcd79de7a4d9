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
import { count, createMeter, type Meter } from './count.ts'
import { feedIndex } from './feed-index.ts'
import { forward } from './forward.ts'
import { loadBalance } from './load-balance.ts'
import { logErrors } from './log-errors.ts'
import { respond } from './respond.ts'
import { type DNSServer, serveDNS } from './server.ts'
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
}

/** A DNS server that answers; dispose it to stop. */
export interface DNS extends DNSServer {
  /** Whether all of the cluster's names are known: until then it says SERVFAIL to them. */
  readonly isReady: boolean
  /** What it did since it started. */
  readonly meter: Meter
}

/** Starts to answer DNS. Resolves when it listens. @throws where the address is taken */
export async function createDNS(deps: DNSDeps, options: DNSOptions): Promise<DNS> {
  const { log } = deps
  const { address, port, upstreams } = options
  const index = new MutableClusterIndex()
  const meter = createMeter()
  const now = Date.now
  // The order is the design, so it is written once, in the open.
  const serve = chain([
    logErrors(log),
    count(meter),
    loadBalance(),
    cluster(index, options),
    cache({ now, maxEntries: 2048, maxTTLSeconds: 30 }),
    forward({ upstreams, timeoutMs: 2000, tries: 2, maxInFlight: 1000, now }),
  ])
  const responding = { serve, recursionAvailable: upstreams.length > 0, log }
  const server = await serveDNS(
    { address, port },
    (packet, protocol) => respond(packet, protocol, responding),
    log,
  )
  feedIndex(index, deps).then(
    () => log.info('Answering', { zone: options.zone, port: server.port }),
    () => {}, // the informers were stopped before they had listed
  )
  return {
    address: server.address,
    port: server.port,
    meter,
    get isReady() {
      return index.isSynced
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
