import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { formatCIDR } from '#ip/cidr.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { createNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { isSameAddress, isSameRoute } from './compare.ts'
import {
  type Bridge,
  type Cable,
  LAN,
  type NamespacePlan,
  type Sysctl,
  type Table,
  type UnderlayPlan,
} from './plan-underlay.ts'

/**
 * Makes what is missing of the underlay, and changes nothing else: on a whole one it does nothing.
 *
 * @param options `netnsDir` exists; each namespace is bound there under its name.
 * @returns what it had to make or to set right, in words for people; empty when nothing was missing
 */
export function applyUnderlay(
  plan: UnderlayPlan,
  { netnsDir }: { readonly netnsDir: string },
): readonly string[] {
  using opened = new DisposableStack()
  const made: string[] = []
  const places = plan.namespaces.map((namespace) => {
    const path = join(netnsDir, namespace.name)
    const { netns, isNew } = openOrCreate(path)
    opened.use(netns)
    if (isNew) made.push(`namespace ${namespace.name}`)
    return { plan: namespace, netns, rtnetlink: opened.use(openRtnetlink(netns)), isNew }
  })
  const lan = places.find((place) => place.plan.name === LAN)
  if (!lan) throw new RangeError(`Cannot apply the underlay: the plan has no namespace ${LAN}`)
  for (const place of places) made.push(...applyNamespace(place, lan))
  return made
}

interface Host {
  readonly plan: NamespacePlan
  /** The caller's own where it is absent. */
  readonly netns: Netns | undefined
  readonly rtnetlink: Rtnetlink
}

interface Place extends Host {
  readonly netns: Netns
  /** Nothing was in it before: what it holds need not be looked at, nor told. */
  readonly isNew: boolean
}

function applyNamespace(place: Place, lan: Place): readonly string[] {
  const { plan, netns, rtnetlink, isNew } = place
  const made = [...setSysctls(plan.sysctls, netns), ...setUp(rtnetlink, 'lo')]
  for (const bridge of plan.bridges) made.push(...ensureBridge(rtnetlink, bridge))
  for (const cable of plan.cables) made.push(...ensureCable(place, lan, cable))
  made.push(...ensureAddresses(place), ...ensureRoutes(place))
  made.push(...setSysctls(plan.deviceSysctls, netns))
  for (const table of plan.tables) made.push(...ensureTable(netns, table))
  return isNew ? [] : made.map((what) => `${what} (${plan.name})`)
}

/** Of a host whose namespace and cables are there: its addresses and sysctls, and its routes where its cables are up. @returns as above */
export function completeHost(host: Host): readonly string[] {
  const links = host.plan.cables.map(({ device }) => host.rtnetlink.link(device))
  if (links.includes(undefined)) return completeSysctls(host.plan, host.netns)
  return [
    ...completeSysctls(host.plan, host.netns),
    ...ensureAddresses(host),
    ...(links.every((link) => link?.up) ? ensureRoutes(host) : []),
  ]
}

/** @param netns the caller's own by default */
export function completeSysctls(
  { sysctls, deviceSysctls }: NamespacePlan,
  netns: Netns | undefined,
): readonly string[] {
  const ofDevices = deviceSysctls.map((sysctl) => ({ ...sysctl, optional: true }))
  return setSysctls([...sysctls, ...ofDevices], netns)
}

/** A file without a namespace behind it, as the end of the machine's last boot leaves it, is taken over. */
function openOrCreate(path: string): { readonly netns: Netns; readonly isNew: boolean } {
  if (existsSync(path)) {
    try {
      return { netns: openNetns(path), isNew: false }
    } catch (error) {
      if (!(error instanceof KernelError && error.errno === 'EINVAL')) throw error
    }
  }
  return { netns: createNetns(path), isNew: true }
}

function ensureBridge(rtnetlink: Rtnetlink, { name, mac, mtuBytes }: Bridge): readonly string[] {
  if (rtnetlink.link(name)) return setUp(rtnetlink, name)
  rtnetlink.addLink({ kind: 'bridge', name, mac, mtuBytes, up: true })
  return [`bridge ${name}`]
}

/** Both ends go and come together: with either one gone or elsewhere, the pair is made anew. */
function ensureCable(
  { plan, netns, rtnetlink }: Place,
  lan: Place,
  { device, mac, mtuBytes, bridge, port }: Cable,
): readonly string[] {
  const [held, heldPort] = [rtnetlink.link(device), lan.rtnetlink.link(port)]
  if (held && heldPort && held.peerIndex === heldPort.index && heldPort.peerIndex === held.index) {
    const isPlugged = heldPort.masterIndex === lan.rtnetlink.link(bridge)?.index
    if (!isPlugged) lan.rtnetlink.setLink(port, { master: bridge })
    return [
      ...(isPlugged ? [] : [`bridge port ${port}`]),
      ...setUp(lan.rtnetlink, port),
      ...setUp(rtnetlink, device),
    ]
  }
  if (held) rtnetlink.deleteLink(device)
  if (heldPort) lan.rtnetlink.deleteLink(port)
  lan.rtnetlink.addLink({
    kind: 'veth',
    name: port,
    mtuBytes,
    master: bridge,
    up: true,
    peer: { name: device, mac, mtuBytes, netns, up: true },
  })
  return [`cable ${device} of ${plan.name}`]
}

function setUp(rtnetlink: Rtnetlink, device: string): readonly string[] {
  if (rtnetlink.link(device)?.up) return []
  rtnetlink.setLink(device, { up: true })
  return [`link ${device} up`]
}

function ensureAddresses({ plan, rtnetlink }: Host): readonly string[] {
  const held = rtnetlink.addresses()
  const missing = plan.addresses.filter(
    (address) => !held.some((one) => isSameAddress(one, address)),
  )
  for (const address of missing) rtnetlink.replaceAddress(address)
  return missing.map(({ address }) => `address ${formatCIDR(address)}`)
}

function ensureRoutes({ plan, rtnetlink }: Host): readonly string[] {
  if (plan.routes.length === 0) return []
  const held = rtnetlink.routes()
  const missing = plan.routes.filter((route) => !held.some((one) => isSameRoute(one, route)))
  for (const route of missing) rtnetlink.replaceRoute(route)
  return missing.map(({ destination }) =>
    destination ? `route ${formatCIDR(destination)}` : 'default route',
  )
}

function ensureTable(netns: Netns, { family, name, script }: Table): readonly string[] {
  using nft = openNft(netns)
  try {
    nft.read(`list table ${family} ${name}`)
    return []
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
    nft.commit(script)
    return [`table ${family} ${name}`]
  }
}

function setSysctls(sysctls: readonly Sysctl[], netns: Netns | undefined): readonly string[] {
  return sysctls.flatMap(({ name, value, optional = false }) => {
    try {
      if (readSysctl(name, netns) === value) return []
      writeSysctl(name, value, netns)
      return [`sysctl ${name}`]
    } catch (error) {
      if (optional && error instanceof KernelError && error.errno === 'ENOENT') return []
      throw error
    }
  })
}
