import type { Family, IP } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import type { ProxiedEndpoint, ServiceModel } from '../../model.ts'
import type { ProxyObserver } from '../proxy-observer.ts'
import { type Balancer, createBalancer } from '../relay/balancer.ts'
import { createRelayLimit } from '../relay/relay-limit.ts'
import { createSockets, type Sockets } from '../relay/sockets.ts'
import { createTCPRelay, type Relay } from '../relay/tcp-relay.ts'

/** What listens on loopback for one nodePort. */
export interface LocalhostPort {
  readonly endpoints: readonly ProxiedEndpoint[]
  readonly affinitySeconds?: number
}

/**
 * The nodePorts that answer on the node's loopback, where rules cannot translate: TCP ones (KEP-6032). A client on the node may use all
 * endpoints, whatever externalTrafficPolicy says.
 */
export function planLocalhostPorts(model: ServiceModel): ReadonlyMap<number, LocalhostPort> {
  const ports = new Map<number, LocalhostPort>()
  for (const service of model.values()) {
    for (const { protocol, nodePort, endpoints, affinityTimeoutSeconds } of service.ports) {
      if (protocol !== 'tcp' || nodePort === undefined) continue
      // Nobody listens: refused at once, as by rules.
      if (endpoints.cluster.length === 0) continue
      ports.set(nodePort, {
        endpoints: endpoints.cluster,
        ...(affinityTimeoutSeconds !== undefined && { affinitySeconds: affinityTimeoutSeconds }),
      })
    }
  }
  return ports
}

export interface LocalhostNodePorts {
  /** Calls need not wait for one another. */
  update(ports: ReadonlyMap<number, LocalhostPort>): Promise<void>
  /** Takes no one any more; connections go on. */
  stop(): void
  /** Resolves when they have ended; where `drain` aborts first, it ends them. */
  drain(drain: AbortSignal): Promise<void>
  /** Takes no one any more, and ends connections. */
  close(): void
}

/** As many connections as the userspace mode has. */
const MAX_CONNECTIONS = 16_384

export interface LocalhostDeps {
  readonly log: Log
  readonly observer?: ProxyObserver | undefined
  readonly netns?: Netns | undefined
}

export function createLocalhostNodePorts(
  family: Family,
  { log, observer, netns }: LocalhostDeps,
): LocalhostNodePorts {
  const address = (family === 4 ? '127.0.0.1' : '::1') as IP
  const sockets = createSockets(netns)
  const limit = createRelayLimit(MAX_CONNECTIONS)
  const relays = new Map<number, Relay & { readonly balancer: Balancer }>()
  let isClosed = false
  let running = Promise.resolve()

  async function apply(ports: ReadonlyMap<number, LocalhostPort>): Promise<void> {
    if (isClosed) return
    for (const [port, { endpoints, affinitySeconds }] of ports) {
      try {
        const relay = relays.get(port) ?? (await openRelay(address, port, { sockets, limit, log }))
        relays.set(port, relay)
        relay.balancer.update(endpoints, affinitySeconds)
        relay.targetsChanged()
      } catch (cause) {
        log.warn('Cannot open a nodePort on localhost: will try again', { address, port, cause })
        observer?.localhostListenerFailed?.(family)
      }
    }
    for (const [port, relay] of relays) {
      if (ports.has(port) && !isClosed) continue
      relays.delete(port)
      relay.close()
    }
    observer?.localhostListeners?.(family, relays.size)
  }

  function stop(): void {
    isClosed = true
    for (const relay of relays.values()) relay.close()
    relays.clear()
  }

  return {
    update(ports) {
      running = running.then(() => apply(ports))
      return running
    },
    stop,
    async drain(drain) {
      if (limit.size > 0)
        log.info('Waiting for connections to nodePorts on localhost to end', {
          connections: limit.size,
        })
      await limit.drained(drain)
    },
    close() {
      stop()
      limit.endAll()
    },
  }
}

async function openRelay(
  address: IP,
  port: number,
  deps: {
    readonly sockets: Sockets
    readonly limit: ReturnType<typeof createRelayLimit>
    readonly log: Log
  },
): Promise<Relay & { readonly balancer: Balancer }> {
  const balancer = createBalancer()
  const relay = await createTCPRelay(deps.sockets.listen('tcp', address, port), {
    balancer,
    ...deps,
  })
  return { ...relay, balancer }
}
