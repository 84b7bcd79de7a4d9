import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import {
  countSubnets,
  type NodeSubnetOptions,
  planNodeSubnets,
  podCIDRsOf,
} from './plan-node-subnets.ts'

export interface NodeSubnetDeps {
  readonly api: API
  readonly nodes: WriteThroughInformer<Node>
  readonly events: EventRecorder
  readonly log: Log
}

const ALL = { name: 'nodes' }
/** As upstream's cidrUpdateRetries. */
const TRIES = 3

/**
 * Gives each node its part of the cluster's pod ranges, as `spec.podCIDR` and `spec.podCIDRs`: one subnet of each IP family. What nodes
 * have is read from them at each turn, so that after a restart nothing is given twice.
 *
 * @throws RangeError where the ranges cannot work
 */
export function nodeSubnetController(
  { api, nodes, events, log }: NodeSubnetDeps,
  options: NodeSubnetOptions,
): Controller {
  for (const { clusterCIDR, nodeMask } of options.ranges) countSubnets(clusterCIDR, nodeMask)
  const complained = new Set<string>()
  /** podCIDRs by node name, also of nodes that are gone. */
  const earlier = new Map<string, readonly string[]>()
  let next: readonly number[] = []

  /** In upstream's words (controllerutil.RecordNodeStatusChange()). */
  function tell(name: string, reason: 'CIDRNotAvailable' | 'CIDRAssignmentFailed'): void {
    const node = nodes.get({ name })
    if (node) events.event(node, 'Normal', reason, `Node ${name} status is now: ${reason}`)
  }

  async function assign(name: string, subnets: readonly CIDR[]): Promise<void> {
    const podCIDRs = subnets.map(formatCIDR)
    const patch = { spec: { podCIDR: podCIDRs[0], podCIDRs } }
    for (let left = TRIES; ; left--) {
      try {
        nodes.remember(await api.patch(resources.nodes, { name }, 'merge', patch))
        log.info(`Assigned ${podCIDRs.join(' and ')} to node ${name}`)
        return
      } catch (error) {
        if (error instanceof APIStatusError && error.code === 404) return // gone meanwhile: the subnets are free again
        if (left > 1) continue
        tell(name, 'CIDRAssignmentFailed')
        throw error
      }
    }
  }

  return {
    name: 'node-subnets',
    informers: [nodes],
    start(enqueue) {
      // One key for all: every assignment depends on all others.
      return nodes.subscribe(({ type, object, previous }) => {
        if (type !== 'modified' || object.spec?.podCIDR !== previous?.spec?.podCIDR) enqueue(ALL)
      })
    },
    async reconcile() {
      const plan = planNodeSubnets(nodes.list(), options, next, earlier)
      for (const node of nodes.list()) {
        const held = podCIDRsOf(node)
        if (held.length > 0) earlier.set(node.metadata.name, held)
      }
      for (const { node, podCIDR, why } of plan.misplaced) {
        const complaint = `Cannot use ${podCIDR} of node ${node}: ${why}`
        if (!complained.has(complaint)) log.error(complaint)
        complained.add(complaint)
      }
      for (const name of plan.exhausted) tell(name, 'CIDRNotAvailable')
      for (const [name, subnets] of plan.assign) await assign(name, subnets)
      next = plan.next
      return undefined
    },
  }
}
