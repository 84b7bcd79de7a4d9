import { type CIDR, networkOf } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import type { Route } from '#kernel/netlink/model.ts'
import type { CNIAddress, CNIRoute } from '../../protocol/result.ts'

/** What an interface of a pod gets from IPAM. */
export interface PodInterfacePlan {
  readonly device: string
  readonly addresses: readonly CIDR[]
  /** Made by the kernel with the addresses, and not wanted. */
  readonly removedRoutes: readonly Route[]
  /** In order: a route may need the one before it. */
  readonly routes: readonly Route[]
}

export interface IPAMLease {
  readonly ips: readonly CNIAddress[]
  readonly routes: readonly CNIRoute[]
}

/** As the reference plugins configure an interface (pkg/ipam/ipam_linux.go): a route without a gateway takes its family's first one. */
export function planPodInterface(device: string, { ips, routes }: IPAMLease): PodInterfacePlan {
  return {
    device,
    addresses: ips.map(({ address }) => address),
    removedRoutes: [],
    routes: routes.map((route) => toKernelRoute(device, route, ips)),
  }
}

/**
 * As ptp configures it: nobody but the gateway is on link, so that all that the pod sends to its own subnet passes the node too.
 * @param leases each with a gateway
 */
export function planPointToPoint(device: string, lease: IPAMLease): PodInterfacePlan {
  const planned = planPodInterface(device, lease)
  const subnets = lease.ips.map(({ address }) => ({
    family: familyOf(address.address),
    device,
    destination: networkOf(address),
  }))
  const viaGateway = lease.ips.flatMap(({ address, gateway }, i): readonly Route[] => {
    if (gateway === undefined) return []
    const [subnet, source] = [subnets[i]!, address.address]
    return [
      { family: subnet.family, device, destination: hostOf(gateway), source, scope: 'link' },
      { ...subnet, gateway, source },
    ]
  })
  return { ...planned, removedRoutes: subnets, routes: [...viaGateway, ...planned.routes] }
}

export function hostOf(address: IP): CIDR {
  return { address, prefixLength: familyOf(address) === 4 ? 32 : 128 }
}

function toKernelRoute(
  device: string,
  { destination, gateway }: CNIRoute,
  ips: readonly CNIAddress[],
): Route {
  const family = familyOf(destination.address)
  const via =
    gateway ?? ips.find((ip) => ip.gateway && familyOf(ip.address.address) === family)?.gateway
  return {
    family,
    device,
    ...(destination.prefixLength > 0 && { destination }),
    ...(via && { gateway: via }),
  }
}
