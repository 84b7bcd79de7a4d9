import { formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { CNIInterface, CNIResult, CNIRoute } from '../../protocol/result.ts'

/**
 * Compares what ADD came to with the interface that is there. Later plugins may have added to it.
 * @returns the interface
 * @throws CNIError in the words of the reference plugins (pkg/ip/link_linux.go, route_linux.go)
 */
export function checkPodInterface(call: CNICall, pod: Rtnetlink, kind: string): Link {
  const { prevResult, ifname } = call
  const told = requireToldInterface(call, kind)
  const link = pod.link(ifname)
  if (!link) throw fail(`${kind}: Container Interface name in prevResult: ${ifname} not found`)
  if (told.mac && told.mac !== link.mac) {
    const message = `Interface ${ifname} Mac ${told.mac} doesn't match container Mac: ${link.mac}`
    throw fail(`${kind}: ${message}`)
  }
  checkAddressesAndRoutes(prevResult!, ifname, pod)
  return link
}

/** @param kind what some plugins begin this error with */
export function requireToldInterface(
  { prevResult, ifname, netns }: CNICall,
  kind?: string,
): CNIInterface {
  if (!prevResult) throw fail(`${kind ? `${kind}: ` : ''}Required prevResult missing`)
  const told = prevResult.interfaces.find(
    ({ name, sandbox }) => name === ifname && sandbox === netns,
  )
  if (told) return told
  const sandbox = prevResult.interfaces.find(({ name }) => name === ifname)?.sandbox ?? ''
  throw fail(`Sandbox in prevResult ${sandbox} doesn't match configured netns: ${netns}`)
}

export function checkAddressesAndRoutes(result: CNIResult, ifname: string, pod: Rtnetlink): void {
  checkAddresses(result, ifname, pod)
  checkRoutes(result, pod)
}

function checkAddresses({ ips, interfaces }: CNIResult, ifname: string, pod: Rtnetlink): void {
  const held = pod
    .addresses()
    .filter(({ device }) => device === ifname)
    .map(({ address }) => formatCIDR(address))
  for (const { address, interface: index } of ips) {
    const isElsewhere = index !== undefined && interfaces[index]?.name !== ifname
    if (!isElsewhere && !held.includes(formatCIDR(address))) {
      throw fail(`Failed to match addr ${formatCIDR(address)} on interface ${ifname}`)
    }
  }
}

function checkRoutes({ routes }: CNIResult, pod: Rtnetlink): void {
  // sbr and vrf, later in a chain, move routes to tables of their own.
  const held = pod.routes({ table: 'all' })
  const keyOf = ({ destination }: Partial<Pick<CNIRoute, 'destination'>>) =>
    destination && destination.prefixLength > 0 ? formatCIDR(destination) : 'default'
  for (const route of routes) {
    const family = familyOf(route.destination.address)
    const isThere = held.some(
      (it) =>
        it.family === family &&
        keyOf(it) === keyOf(route) &&
        (!route.gateway || it.gateway === route.gateway),
    )
    if (!isThere) throw fail(`Expected Route ${keyOf(route)} not found in routing table`)
  }
}
