import { familyOf, type IP, ip } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import { type Balancer, createBalancer } from '../relay/balancer.ts'
import type { Sockets } from '../relay/sockets.ts'
import { createTCPRelay, type Relay, type RelayLimit } from '../relay/tcp-relay.ts'
import { createUDPRelay } from '../relay/udp-relay.ts'
import type { RelayPlan } from './plan-relays.ts'

/** The listeners of this process, one a {@link RelayPlan}. */
export interface Relays {
  /**
   * Opens those that are missing and tells all their endpoints. Those that are not planned any more stay until {@link closeOthers}. Where
   * there are `most` already, the others do without, until a later call finds room.
   */
  open(plan: ReadonlyMap<string, RelayPlan>): Promise<void>
  /** To be called when no rule leads to them any more. Their TCP connections go on. */
  closeOthers(plan: ReadonlyMap<string, RelayPlan>): void
  portOf(key: string): number | undefined
}

export interface RelaysDeps {
  /** The node's primary address; its family is the relays'. */
  readonly nodeIP: IP
  readonly sockets: Sockets
  /** How many there may be: see room.ts. */
  readonly most: number
  readonly limit: RelayLimit
  readonly log: Log
}

export function createRelays({ nodeIP, sockets, most, limit, log }: RelaysDeps): Relays {
  const relays = new Map<string, Relay & { readonly balancer: Balancer }>()
  const family = familyOf(nodeIP)
  const anywhere = ip(family === 4 ? '0.0.0.0' : '::')

  async function openOne({
    protocol,
  }: RelayPlan): Promise<Relay & { readonly balancer: Balancer }> {
    const balancer = createBalancer()
    const deps = { balancer, sockets, limit, log }
    // A datagram's answer must come from where it was sent to: from this one address.
    const fd = sockets.listen(protocol, protocol === 'udp' ? nodeIP : anywhere, 0)
    const relay =
      protocol === 'tcp' ? await createTCPRelay(fd, deps) : await createUDPRelay(fd, family, deps)
    return { ...relay, balancer }
  }

  return {
    async open(plan) {
      // Those that close afterwards make room: they do not count.
      let served = [...plan.keys()].filter((key) => relays.has(key)).length
      for (const [key, planned] of plan) {
        let relay = relays.get(key)
        if (!relay) {
          if (served >= most) continue
          relay = await openOne(planned)
          served++
        }
        relays.set(key, relay)
        relay.balancer.update(planned.endpoints, planned.affinitySeconds)
        relay.targetsChanged()
      }
      if (served < plan.size)
        log.warn('Cannot serve all ports of Services: there is no room for more relays', {
          ports: plan.size,
          served,
        })
    },
    closeOthers(plan) {
      for (const [key, relay] of relays) {
        if (plan.has(key)) continue
        relays.delete(key)
        relay.close()
      }
    },
    portOf: (key) => relays.get(key)?.port,
  }
}
