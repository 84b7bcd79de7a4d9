import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { type Backend, NO_PLAN, type NodePlan, type OwnNode } from '../backend.ts'
import { FAMILIES, mapFamilies } from '../lease.ts'

/** One entry of a cloud's route table: packets to pods of a node go to that node. */
export interface CloudRoute {
  readonly destination: CIDR
  readonly nextHop: IP
}

/**
 * What the backend needs of a cloud: the route table of the network that its machines are in. Each call is one request; all reject
 * with an Error that says what the cloud answered. Entries of others may be in the table.
 */
export interface CloudRouteTable {
  list(): Promise<readonly CloudRoute[]>
  /** Adds the route, or replaces the one with its destination. */
  put(route: CloudRoute): Promise<void>
  /** A route that is gone already is no error. */
  delete(route: CloudRoute): Promise<void>
}

/** How often the table is read though nothing happened: it tells nobody of its changes. */
const CHECK_MS = 10_000

/**
 * Routes by the network's own router, as flannel's backends for clouds: each node writes the route to its own pods into the table, and
 * needs none to the others': its default route leads to the router, which knows the way.
 */
export function createCloud(table: CloudRouteTable): Backend {
  return {
    type: 'cloud',
    describe: (node) =>
      mapFamilies(node.networks, (_, family) =>
        node.underlay.addresses[family] === undefined ? undefined : null,
      ),
    plan: planCloud,
    openCarrier: ({ log }) => {
      let committed = ''
      let checkAt = 0
      return {
        async commit({ cloud = [] }) {
          const text = JSON.stringify(cloud)
          if (text === committed && performance.now() < checkAt) return
          const changes = diffCloudRoutes(cloud, await table.list())
          for (const route of changes.put) await table.put(route)
          for (const route of changes.delete) await table.delete(route)
          committed = text
          checkAt = performance.now() + CHECK_MS
          if (changes.put.length + changes.delete.length > 0)
            log.info('Cloud routes set', { ...changes })
        },
        [Symbol.asyncDispose]: async () => {},
      }
    },
  }
}

/** Pure. */
export function planCloud(node: OwnNode): NodePlan {
  const cloud = FAMILIES.flatMap((family) => {
    const [destination, nextHop] = [node.subnets[family], node.underlay.addresses[family]]
    return destination && nextHop !== undefined ? [{ destination, nextHop }] : []
  })
  return { ...NO_PLAN, cloud, mtuBytes: node.underlay.mtuBytes }
}

/** What is missing of this node's routes, and what leads to it that is none of its own any more. Others' entries stay. */
export function diffCloudRoutes(
  wanted: readonly CloudRoute[],
  held: readonly CloudRoute[],
): { readonly put: readonly CloudRoute[]; readonly delete: readonly CloudRoute[] } {
  const keyOf = ({ destination, nextHop }: CloudRoute) =>
    `${destination.address}/${destination.prefixLength} ${nextHop}`
  const [want, have] = [new Set(wanted.map(keyOf)), new Set(held.map(keyOf))]
  const own = new Set(wanted.map(({ nextHop }) => nextHop))
  return {
    put: wanted.filter((route) => !have.has(keyOf(route))),
    delete: held.filter((route) => own.has(route.nextHop) && !want.has(keyOf(route))),
  }
}
