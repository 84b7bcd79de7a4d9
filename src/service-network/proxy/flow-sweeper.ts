import type { CIDR } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import type { ServiceModel } from '../model.ts'
import { type ConntrackFlusher, changedUDPTargets, selectStaleFlows } from './udp-flows.ts'

/** Deletes UDP flows that a change left behind: in the background, one sweep at a time. */
export interface FlowSweeper {
  sweep(model: ServiceModel): void
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

export function createFlowSweeper(
  conntrack: ConntrackFlusher,
  serviceCIDR: CIDR,
  log: Log,
  onSwept: (milliseconds: number, deleted: number) => void = () => {},
): FlowSweeper {
  let swept: ServiceModel | undefined
  let running = Promise.resolve()

  async function sweepFlows(before: ServiceModel | undefined, after: ServiceModel): Promise<void> {
    const started = performance.now()
    const targets = changedUDPTargets(before, after)
    if (targets.size === 0) return
    const atStart = before === undefined ? serviceCIDR : undefined
    const stale = selectStaleFlows(await conntrack.udpFlows(), targets, atStart)
    if (stale.length > 0) await conntrack.deleteUDPFlows(stale)
    onSwept(performance.now() - started, stale.length)
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
