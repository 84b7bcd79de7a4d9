import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import type { ServiceModel } from '../model.ts'
import {
  type ConntrackFlusher,
  changedUDPTargets,
  type RelaysOf,
  selectStaleFlows,
} from './udp-flows.ts'

/** Deletes UDP flows that a change left behind: in the background, one sweep at a time. */
export interface FlowSweeper {
  sweep(model: ServiceModel): void
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

export interface FlowSweeperOptions {
  readonly log: Log
  /** All ranges of ClusterIPs. */
  readonly serviceCIDRs: () => readonly CIDR[]
  /** Those that the kernel knows, beside loopback. */
  readonly nodeAddresses: () => Promise<readonly IP[]>
  /** Where the mode has relays: those that it has when it is asked. */
  readonly relaysOf?: RelaysOf
  readonly onSwept?: (milliseconds: number, deleted: number) => void
}

export function createFlowSweeper(
  conntrack: ConntrackFlusher,
  { log, serviceCIDRs, nodeAddresses, relaysOf, onSwept }: FlowSweeperOptions,
): FlowSweeper {
  let swept: ServiceModel | undefined
  let running = Promise.resolve()

  async function sweepFlows(before: ServiceModel | undefined, after: ServiceModel): Promise<void> {
    const started = performance.now()
    const targets = changedUDPTargets(before, after, relaysOf)
    if (targets.frontends.size === 0) return
    const own = targets.nodePorts.size > 0 ? new Set(await nodeAddresses()) : new Set()
    const stale = selectStaleFlows(await conntrack.udpFlows(), targets, {
      isOfNode: (ip) => own.has(ip) || isLoopback(ip),
      ...(before === undefined && { serviceCIDRs: serviceCIDRs() }),
    })
    if (stale.length > 0) await conntrack.deleteUDPFlows(stale)
    onSwept?.(performance.now() - started, stale.length)
  }

  return {
    sweep(model) {
      const before = swept
      if (before === model) return
      swept = model
      running = running
        .then(() => sweepFlows(before, model))
        .catch((cause) => log.warn('Cannot delete stale UDP flows', { cause }))
    },
    idle: () => running,
  }
}

function isLoopback(ip: IP): boolean {
  return ip.startsWith('127.') || ip === '::1'
}
