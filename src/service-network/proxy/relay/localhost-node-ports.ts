import { type Family, ip } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import type { ProxiedPort, ServiceModel } from '../../model.ts'
import { type Balancer, createBalancer } from './balancer.ts'
import type { Sockets } from './sockets.ts'
import { createTCPRelay, type Relay, type RelayLimit } from './tcp-relay.ts'

/** nodePorts at 127.0.0.1 or ::1, for modes whose rules do not reach there (KEP-6032): TCP, by a relay of this process. */
export interface LocalhostNodePorts extends Disposable {
  /** Opens what is missing and closes what is none any more. A port that another program has is told once, and tried again each time. */
  sync(model: ServiceModel): Promise<void>
  /** How many listen. */
  readonly size: number
}

interface Deps {
  readonly family: Family
  readonly sockets: Sockets
  readonly limit: RelayLimit
  readonly log: Log
}

export function createLocalhostNodePorts({
  family,
  sockets,
  limit,
  log,
}: Deps): LocalhostNodePorts {
  const address = ip(family === 4 ? '127.0.0.1' : '::1')
  const relays = new Map<number, Relay & { readonly balancer: Balancer }>()
  const taken = new Set<number>()

  async function open(port: number): Promise<void> {
    const balancer = createBalancer()
    try {
      const fd = sockets.listen('tcp', address, port)
      const relay = await createTCPRelay(fd, { balancer, sockets, limit, log })
      relays.set(port, { ...relay, balancer })
      taken.delete(port)
    } catch (cause) {
      if (!taken.has(port)) log.warn(`Cannot open nodePort ${port} on ${address}`, { cause })
      taken.add(port)
    }
  }

  return {
    async sync(model) {
      const wanted = nodePortsOf(model)
      for (const [port, relay] of relays) {
        if (wanted.has(port)) continue
        relays.delete(port)
        relay.close()
      }
      for (const [port, { endpoints, affinityTimeoutSeconds }] of wanted) {
        if (!relays.has(port)) await open(port)
        // Who asks from the node itself may use all endpoints, also under externalTrafficPolicy Local.
        relays.get(port)?.balancer.update(endpoints.cluster, affinityTimeoutSeconds)
      }
    },
    get size() {
      return relays.size
    },
    [Symbol.dispose]() {
      for (const relay of relays.values()) relay.close()
      relays.clear()
    },
  }
}

/** Without endpoints there is no listener: a client is refused at once. */
function nodePortsOf(model: ServiceModel): ReadonlyMap<number, ProxiedPort> {
  const ports = [...model.values()].flatMap((service) => service.ports)
  return new Map(
    ports
      .filter(({ protocol, endpoints }) => protocol === 'tcp' && endpoints.cluster.length > 0)
      .flatMap((port) => (port.nodePort === undefined ? [] : [[port.nodePort, port] as const])),
  )
}
