import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import { countSubnets, type NodeSubnetOptions, planNodeSubnets } from './plan-node-subnets.ts'

export interface NodeSubnetDeps {
  readonly api: API
  readonly nodes: WriteThroughInformer<Node>
  readonly events: EventRecorder
  readonly log: Log
}

const ALL = { name: 'nodes' }

/**
 * Gives each node its part of the cluster's pod range, as `spec.podCIDR`.
 *
 * @throws RangeError where the ranges cannot work
 */
export function nodeSubnetController(
  { api, nodes, events, log }: NodeSubnetDeps,
  options: NodeSubnetOptions,
): Controller {
  countSubnets(options.clusterCIDR, options.nodeMask)
  const complained = new Set<string>()
  /** podCIDR by node name, also of nodes that are gone. */
  const earlier = new Map<string, string>()
  let next = 0

  async function assign(name: string, subnet: CIDR): Promise<void> {
    const podCIDR = formatCIDR(subnet)
    try {
      nodes.remember(
        await api.patch(resources.nodes, { name }, 'merge', {
          spec: { podCIDR, podCIDRs: [podCIDR] },
        }),
      )
      log.info(`Assigned ${podCIDR} to node ${name}`)
    } catch (error) {
      if (error instanceof APIStatusError && error.code === 404) return // gone meanwhile: the subnet is free again
      const node = nodes.get({ name })
      if (node)
        events.event(
          node,
          'Normal',
          'CIDRAssignmentFailed',
          `Node ${name} status is now: CIDRAssignmentFailed`,
        )
      throw error
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
      for (const { metadata, spec } of nodes.list())
        if (spec?.podCIDR) earlier.set(metadata.name, spec.podCIDR)
      for (const { node, podCIDR, why } of plan.misplaced) {
        const complaint = `Cannot use ${podCIDR} of node ${node}: ${why}`
        if (!complained.has(complaint)) log.error(complaint)
        complained.add(complaint)
      }
      for (const name of plan.exhausted) {
        const node = nodes.get({ name })
        if (node)
          events.event(
            node,
            'Normal',
            'CIDRNotAvailable',
            `Node ${name} status is now: CIDRNotAvailable`,
          )
      }
      for (const [name, subnet] of plan.assign) await assign(name, subnet)
      next = plan.next
      return undefined
    },
  }
}
