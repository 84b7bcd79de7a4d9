import { formatCIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { KernelChange } from '#kernel/netlink/watch-changes.ts'
import { DEVICE_ALIAS, ROUTE_PROTOCOL } from './flannel/backend.ts'
import type { Reconciled } from './flannel/reconcile.ts'
import { MASQUERADE_TABLE } from './masquerade/plan-masquerade.ts'

/** What a node's plan is about: by this it is told, without asking the kernel, whether a change can be about it. */
export interface OwnThings {
  /** Planned, and that of the underlay. */
  readonly deviceNames: ReadonlySet<string>
  readonly planned: ReadonlySet<number>
  /** Index of the underlay's device. */
  readonly underlay: number | undefined
  readonly nodeIPs: ReadonlySet<IP>
  readonly destinations: ReadonlySet<string>
  /** The plan followed from the way to other nodes. */
  readonly dependsOnRoutes: boolean
}

/** After a pass: the devices are there. */
export function ownThings(
  { node, plan, dependsOnRoutes }: Reconciled,
  rtnetlink: Pick<Rtnetlink, 'link'>,
): OwnThings {
  const indexOf = (name: string) => rtnetlink.link(name)?.index
  const names = plan.links.map(({ name }) => name)
  const { device, addresses } = node.underlay
  return {
    deviceNames: new Set([...names, device]),
    planned: new Set(names.flatMap((name) => indexOf(name) ?? [])),
    underlay: indexOf(device),
    nodeIPs: new Set(Object.values(addresses)),
    destinations: new Set(
      plan.routes.flatMap(({ destination }) => (destination ? [formatCIDR(destination)] : [])),
    ),
    dependsOnRoutes,
  }
}

/** RT_TABLE_MAIN */
const MAIN_TABLE = 254

/** Pods come and go, and so do their links, addresses, routes and neighbours: none of it is about the ways between nodes. Pure. */
export function concerns(change: KernelChange, own: OwnThings): boolean {
  const isOfOurs = (index: number) => own.planned.has(index) || own.underlay === index
  switch (change.kind) {
    case 'anything':
      return true
    case 'nftables':
      return change.table === MASQUERADE_TABLE
    case 'link': {
      const { index, name, alias } = change
      return (
        name === undefined || own.deviceNames.has(name) || alias === DEVICE_ALIAS || isOfOurs(index)
      )
    }
    case 'address': {
      const { index, address } = change
      return address === undefined || own.nodeIPs.has(address) || isOfOurs(index)
    }
    case 'neighbour':
      return own.planned.has(change.index)
    case 'route': {
      const { table = MAIN_TABLE, protocol, destination, index } = change
      if (table !== MAIN_TABLE) return false
      return (
        own.dependsOnRoutes ||
        protocol === undefined ||
        protocol === ROUTE_PROTOCOL ||
        (index !== undefined && isOfOurs(index)) ||
        (destination !== undefined && own.destinations.has(formatCIDR(destination)))
      )
    }
  }
}
