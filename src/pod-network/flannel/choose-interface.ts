import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import type { Address, Link, Route } from '#kernel/netlink/model.ts'
import { FAMILIES, mapFamilies, type PerFamily } from './lease.ts'
import { findNextHop } from './next-hop.ts'

/** flanneld's options for the device that joins the nodes, in the order in which they count. */
export interface InterfaceOptions {
  /** Names or addresses. */
  readonly iface: readonly string[]
  readonly ifaceRegex: readonly string[]
  readonly ifaceCanReach?: string
  readonly publicIPs: PerFamily<IP>
}

export interface SeenInterfaces {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly routes: readonly Route[]
}

/** The device and its own addresses, one of each family that is enabled. */
export interface ChosenInterface {
  readonly device: string
  readonly addresses: PerFamily<IP>
}

/**
 * The device as flanneld chooses it (pkg/ipmatch/match.go): by name or address, by pattern, by the way to an address; without any of
 * these the one that has the public address, and last that of the default route. @throws Error in flanneld's words
 */
export function chooseInterface(
  options: InterfaceOptions,
  families: PerFamily<unknown>,
  seen: SeenInterfaces,
): ChosenInterface {
  const { iface, ifaceRegex, ifaceCanReach, publicIPs } = options
  const isGiven = iface.length > 0 || ifaceRegex.length > 0 || ifaceCanReach !== undefined
  const found = isGiven
    ? (first(iface, (text) => byNameOrAddress(text, seen)) ??
      first(ifaceRegex, (text) => byPattern(text, families, seen)) ??
      byWay(ifaceCanReach, seen))
    : (first(Object.values(publicIPs), (ip) => byNameOrAddress(ip, seen)) ??
      byDefaultRoute(families, seen))
  if (!found) {
    throw new Error(
      isGiven
        ? 'Failed to find interface to use that matches the interfaces and/or regexes provided'
        : 'Failed to find any valid interface to use: there is no default route',
    )
  }
  const addresses = mapFamilies(families, (_, family) => {
    const address =
      found.address !== undefined && familyOf(found.address) === family ? found.address : undefined
    const chosen = address ?? addressesOf(found.device, seen).find((it) => familyOf(it) === family)
    if (chosen !== undefined) return chosen
    throw new Error(`failed to find IPv${family} address for interface ${found.device}`)
  })
  return { device: found.device, addresses }
}

interface Found {
  readonly device: string
  readonly address?: IP
}

function first<T>(
  options: readonly T[],
  find: (option: T) => Found | undefined,
): Found | undefined {
  for (const option of options) {
    const found = find(option)
    if (found) return found
  }
  return undefined
}

function byNameOrAddress(text: string, { links, addresses }: SeenInterfaces): Found | undefined {
  const ip = parseIP(text)
  const holder = addresses.find(({ address }) => address.address === ip)
  if (ip !== undefined) return holder && { device: holder.device, address: ip }
  const link = links.find(({ name }) => name === text)
  return link && { device: link.name }
}

/** Against addresses first, then against names. */
function byPattern(
  text: string,
  families: PerFamily<unknown>,
  seen: SeenInterfaces,
): Found | undefined {
  let pattern: RegExp
  try {
    pattern = new RegExp(text)
  } catch {
    throw new Error(`could not compile the IP address regex '${text}'`)
  }
  const wanted = FAMILIES.filter((family) => family in families)
  for (const { name } of seen.links) {
    const address = addressesOf(name, seen).find(
      (ip) => wanted.includes(familyOf(ip)) && pattern.test(ip),
    )
    if (address !== undefined) return { device: name, address }
  }
  const link = seen.links.find(({ name }) => pattern.test(name))
  return link && { device: link.name }
}

function byWay(text: string | undefined, { routes }: SeenInterfaces): Found | undefined {
  const destination = parseIP(text ?? '')
  const hop = destination === undefined ? undefined : findNextHop(routes, destination)
  return hop && { device: hop.device }
}

function byDefaultRoute(
  families: PerFamily<unknown>,
  { routes }: SeenInterfaces,
): Found | undefined {
  const route = routes.find(
    ({ destination, device, family }) => !destination && device !== undefined && family in families,
  )
  return route?.device === undefined ? undefined : { device: route.device }
}

/** Not those that mean something on this link or machine only. */
function addressesOf(device: string, { addresses }: SeenInterfaces): readonly IP[] {
  return addresses
    .filter(
      (it) => it.device === device && !/^(fe[89ab]|127\.|169\.254\.|::1$)/.test(it.address.address),
    )
    .map(({ address }) => address.address)
}
