import { type CIDR, cidrContains } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import { type Backend, type Carrier, NO_PLAN, type NodePlan, type OwnNode } from '../backend.ts'
import { FAMILIES, type Lease, mapFamilies } from '../lease.ts'

/** One entry of a cloud's route table: packets to pods of a node go to that node. */
export interface CloudRoute {
  readonly destination: CIDR
  readonly nextHop: IP
}

/** What a node knows of the table's routes to pods. */
export interface CloudPlan {
  /** To its own pods: it keeps them in the table. */
  readonly own: readonly CloudRoute[]
  /** To other nodes' pods, as their leases say: these nodes keep them. */
  readonly others: readonly CloudRoute[]
  /** The pod network: other routes within it are of nodes that have gone. */
  readonly networks: readonly CIDR[]
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

const CLOUD = 'cloud'

/** How often the table is read though nothing happened: it tells nobody of its changes. */
const CHECK_MS = 10_000

/**
 * Routes by the network's own router, as flannel's backends for clouds: each node writes the route to its own pods into the table, and
 * needs none to the others': its default route leads to the router, which knows the way. A node that is gone takes no route away, so
 * the others do it for it: at once where they heard of its lease, else at the second look, for a node's route comes before its lease.
 */
export function createCloud(table: CloudRouteTable): Backend {
  return {
    type: CLOUD,
    describe: (node) =>
      mapFamilies(node.networks, (_, family) =>
        node.underlay.addresses[family] === undefined ? undefined : null,
      ),
    plan: (node, _, peers) => planCloud(node, peers),
    openCarrier: ({ log }) => openCloudCarrier(table, log),
  }
}

function openCloudCarrier(table: CloudRouteTable, log: Log): Carrier {
  let committed = ''
  let wanted = NO_CLOUD
  let checkAt = 0
  /** The others' routes and the suspects, as of the last look. */
  let known: readonly CloudRoute[] = []
  /** The routes of leases that changes told of since then, by key: the next pass may find some of these leases gone. */
  const heard = new Map<string, CloudRoute>()
  return {
    hear(peers) {
      for (const peer of peers)
        if (peer.backendType === CLOUD)
          for (const route of routesOf(peer.subnets, peer.publicIPs)) heard.set(keyOf(route), route)
    },
    async commit({ cloud = NO_CLOUD }) {
      const text = JSON.stringify(cloud)
      const others = keysOf(cloud.others)
      const isNoneGone = [...heard.keys()].every((key) => others.has(key))
      if (text === committed && isNoneGone && performance.now() < checkAt) return heard.clear()
      const told = [...heard.values()]
      const changes = diffCloudRoutes(cloud, await table.list(), [...known, ...told])
      for (const route of changes.put) await table.put(route)
      for (const route of changes.delete) await table.delete(route)
      for (const route of told) heard.delete(keyOf(route))
      known = [...cloud.others, ...changes.suspect]
      committed = text
      wanted = cloud
      checkAt = performance.now() + CHECK_MS
      if (changes.put.length + changes.delete.length > 0)
        log.info('Cloud routes set', { put: changes.put, delete: changes.delete })
    },
    async isRight() {
      if (committed === '' || performance.now() < checkAt) return true
      checkAt = performance.now() + CHECK_MS
      const changes = diffCloudRoutes(wanted, await table.list(), known)
      if (changes.put.length + changes.delete.length === 0) {
        known = [...wanted.others, ...changes.suspect]
        return true
      }
      committed = ''
      return false
    },
    [Symbol.asyncDispose]: async () => {},
  }
}

const NO_CLOUD: CloudPlan = { own: [], others: [], networks: [] }

/** Pure. */
export function planCloud(node: OwnNode, peers: readonly Lease[]): NodePlan {
  const cloud = {
    own: routesOf(node.subnets, node.underlay.addresses),
    others: peers.flatMap(({ subnets, publicIPs }) => routesOf(subnets, publicIPs)),
    networks: FAMILIES.flatMap((family) => node.networks[family] ?? []),
  }
  return { ...NO_PLAN, cloud, mtuBytes: node.underlay.mtuBytes }
}

function routesOf(
  subnets: OwnNode['subnets'],
  addresses: OwnNode['publicIPs'],
): readonly CloudRoute[] {
  return FAMILIES.flatMap((family) => {
    const [destination, nextHop] = [subnets[family], addresses[family]]
    return destination && nextHop !== undefined ? [{ destination, nextHop }] : []
  })
}

function keyOf({ destination, nextHop }: CloudRoute): string {
  return `${destination.address}/${destination.prefixLength} ${nextHop}`
}

function keysOf(routes: readonly CloudRoute[]): ReadonlySet<string> {
  return new Set(routes.map(keyOf))
}

export interface CloudChanges {
  readonly put: readonly CloudRoute[]
  readonly delete: readonly CloudRoute[]
  /** No node's now, and deleted if they are that the next time, too. */
  readonly suspect: readonly CloudRoute[]
}

/**
 * What is missing of this node's routes, what leads to it that is none of its own any more, and what leads to nodes that are gone:
 * they are in `known`. Entries beyond the pod network stay.
 */
export function diffCloudRoutes(
  { own, others, networks }: CloudPlan,
  held: readonly CloudRoute[],
  known: readonly CloudRoute[],
): CloudChanges {
  const [wanted, gone, have] = [keysOf([...own, ...others]), keysOf(known), keysOf(held)]
  const isToHere = new Set(own.map(({ nextHop }) => nextHop))
  const isOfPods = ({ destination: { address, prefixLength } }: CloudRoute) =>
    networks.some((it) => it.prefixLength <= prefixLength && cidrContains(it, address))
  const stale = held.filter(
    (route) => !wanted.has(keyOf(route)) && (isToHere.has(route.nextHop) || isOfPods(route)),
  )
  const isCertain = (route: CloudRoute) => isToHere.has(route.nextHop) || gone.has(keyOf(route))
  return {
    put: own.filter((route) => !have.has(keyOf(route))),
    delete: stale.filter(isCertain),
    suspect: stale.filter((route) => !isCertain(route)),
  }
}
