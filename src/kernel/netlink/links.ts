import { AF_BRIDGE } from '#wire/netlink/family.ts'
import {
  decodeLink,
  encodeLink,
  IF_OPER_UP,
  IFF_ALLMULTI,
  IFF_NOARP,
  IFF_PROMISC,
  IFF_UP,
  type LinkMessage,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from '#wire/netlink/link.ts'
import { IPVLAN_MODE, MACVLAN_MODE } from '#wire/netlink/link-kinds.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '#wire/netlink/message.ts'
import { KernelError } from '../kernel-error.ts'
import { deviceIndex, deviceIndexIfThere } from './device-names.ts'
import type { Link, LinkSettings, LinkSpec, Rtnetlink } from './model.ts'
import { type NetlinkSocket, openNetlinkSocket } from './socket.ts'

type LinkCalls = Pick<
  Rtnetlink,
  'links' | 'link' | 'hasLink' | 'addLink' | 'setLink' | 'deleteLink'
>
type Settings = Parameters<Rtnetlink['setLink']>[1]

export function linkCalls(socket: NetlinkSocket): LinkCalls {
  return {
    links() {
      const body = encodeLink({ filter: RTEXT_FILTER_SKIP_STATS })
      return socket.dump('list links', RTM_GETLINK, body).map((each) => toLink(decodeLink(each)))
    },
    link: (name) => getLink(socket, name),
    hasLink: (name) => deviceIndexIfThere(socket, name) !== undefined,
    addLink: (spec) => addLink(socket, spec),
    setLink: (name, settings) => setLink(socket, name, settings),
    deleteLink: (name) => deleteLink(socket, name),
  }
}

function getLink(socket: NetlinkSocket, name: string): Link | undefined {
  const body = encodeLink({ name, filter: RTEXT_FILTER_SKIP_STATS })
  return unlessMissing(() =>
    toLink(decodeLink(socket.query(`look up link ${name}`, RTM_GETLINK, body))),
  )
}

function addLink(socket: NetlinkSocket, spec: LinkSpec): Link {
  const op = `add link ${spec.name} (${spec.kind})`
  const request = toRequest(spec, (device) => deviceIndex(socket, device, op))
  const { netns } = spec
  socket.request(op, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, encodeLink(request))
  using there = netns && openNetlinkSocket(netns)
  const home = there ?? socket
  try {
    // RTM_NEWLINK passes over an alias when it creates.
    if (spec.alias !== undefined) setLink(home, spec.name, { alias: spec.alias })
    if (spec.kind === 'veth') setPeer(socket, spec)
    const link = getLink(home, spec.name)
    if (!link) throw new KernelError(op, 'ENODEV', { hint: 'it was removed at once' })
    return link
  } catch (error) {
    deleteLink(home, spec.name)
    throw error
  }
}

/** The peer cannot be up at birth (the kernel answers ENOTCONN), nor join a bridge: that follows, in its own namespace. */
function setPeer(socket: NetlinkSocket, { peer }: Extract<LinkSpec, { kind: 'veth' }>): void {
  const { name, netns, up, master, alias } = peer
  if (!up && master === undefined && alias === undefined) return
  const settings = {
    ...(up && { up }),
    ...(master !== undefined && { master }),
    ...(alias !== undefined && { alias }),
  }
  using there = netns && openNetlinkSocket(netns)
  setLink(there ?? socket, name, settings)
}

function setLink(socket: NetlinkSocket, name: string, settings: Settings): void {
  const op = `set link ${name}`
  const index = deviceIndex(socket, name, op)
  const { hairpin, isolated, vlanFiltering, ...others } = settings
  if (Object.keys(others).length > 0) {
    const request = {
      index,
      ...toCommonRequest(settings, (device) => deviceIndex(socket, device, op)),
      ...(settings.alias !== undefined && { alias: settings.alias }),
      ...(settings.noMaster && { masterIndex: 0 }),
      ...(settings.name !== undefined && { name: settings.name }),
    }
    socket.request(op, RTM_NEWLINK, 0, encodeLink(request))
  }
  if (vlanFiltering !== undefined) {
    socket.request(op, RTM_NEWLINK, 0, encodeLink({ index, kind: 'bridge', vlanFiltering }))
  }
  // Last, for the port may have just joined its bridge.
  if (hairpin !== undefined || isolated !== undefined) {
    const port = {
      ...(hairpin !== undefined && { hairpin }),
      ...(isolated !== undefined && { isolated }),
    }
    socket.request(op, RTM_SETLINK, 0, encodeLink({ family: AF_BRIDGE, index, ...port }))
  }
}

function deleteLink(socket: NetlinkSocket, name: string): boolean {
  const op = `delete link ${name}`
  return (
    unlessMissing(() => {
      const index = deviceIndex(socket, name, op)
      socket.request(op, RTM_DELLINK, 0, encodeLink({ index }))
      return true
    }) ?? false
  )
}

function toRequest(spec: LinkSpec, indexOf: (device: string) => number): LinkMessage {
  const { name, kind } = spec
  const common = { name, kind, ...toCommonRequest(spec, indexOf) }
  switch (kind) {
    case 'bridge':
      return spec.vlanFiltering === undefined
        ? common
        : { ...common, vlanFiltering: spec.vlanFiltering }
    case 'tun':
    case 'wireguard':
    case 'dummy':
    case 'ifb':
      return common
    case 'macvlan':
    case 'ipvlan':
    case 'vlan':
      return { ...common, linkIndex: indexOf(spec.device), kindData: toKindData(spec) }
    case 'ipip':
      return { ...common, kindData: { of: kind, local: spec.local } }
    case 'vrf':
      return { ...common, kindData: { of: kind, table: spec.table } }
    case 'veth': {
      const { name: peerName, netns, mtuBytes, mac } = spec.peer
      const peer = {
        name: peerName,
        ...toCommonRequest(
          { ...(mtuBytes !== undefined && { mtuBytes }), ...(mac && { mac }) },
          indexOf,
        ),
      }
      return { ...common, peer: { ...peer, ...(netns && { netnsFd: netns.fd }) } }
    }
    case 'vxlan': {
      const { vni, port, local, learning, device, gbp = false } = spec
      const deviceIndex = indexOf(device)
      return { ...common, vxlan: { vni, port, local, learning, deviceIndex, gbp } }
    }
  }
}

type OnTopSpec = Extract<LinkSpec, { readonly kind: 'macvlan' | 'ipvlan' | 'vlan' }>

function toKindData(spec: OnTopSpec): NonNullable<LinkMessage['kindData']> {
  switch (spec.kind) {
    case 'macvlan': {
      const { kind, mode, broadcastQueueLength } = spec
      const queue = broadcastQueueLength === undefined ? {} : { broadcastQueueLength }
      return { of: kind, mode: MACVLAN_MODE[mode], ...queue }
    }
    case 'ipvlan':
      return { of: spec.kind, mode: IPVLAN_MODE[spec.mode] }
    case 'vlan':
      return { of: spec.kind, id: spec.vlanID }
  }
}

/** What can be said at birth as well as later. */
function toCommonRequest(
  { mtuBytes, mac, master, netns, txQueueLength, ...flags }: LinkSettings,
  indexOf: (device: string) => number,
): LinkMessage {
  return {
    ...(netns && { netnsFd: netns.fd }),
    ...(txQueueLength !== undefined && { txQueueLength }),
    ...(mtuBytes !== undefined && { mtuBytes }),
    ...(mac !== undefined && { mac }),
    ...(master !== undefined && { masterIndex: indexOf(master) }),
    ...toFlags(flags),
  }
}

function toFlags({ up, promiscuous, allMulticast, arp }: LinkSettings): LinkMessage {
  const wanted = [
    [IFF_UP, up],
    [IFF_PROMISC, promiscuous],
    [IFF_ALLMULTI, allMulticast],
    [IFF_NOARP, arp === undefined ? undefined : !arp],
  ] as const
  const said = wanted.filter(([, on]) => on !== undefined)
  if (said.length === 0) return {}
  const sum = (flags: typeof said) => flags.reduce((all, [flag]) => all | flag, 0)
  return { flags: sum(said.filter(([, on]) => on)), change: sum(said) }
}

function toLink(message: LinkMessage): Link {
  const { index = 0, name = '', mtuBytes = 0, flags = 0, linkIndex, vxlan } = message
  const { kind, mac, masterIndex, alias, hairpin, isolated, vlanFiltering, operState } = message
  const { promiscuity, txQueueLength, linkNetnsID } = message
  return {
    index,
    name,
    mtuBytes,
    up: (flags & IFF_UP) !== 0,
    ...(operState === IF_OPER_UP && { operUp: true }),
    ...((flags & IFF_PROMISC) !== 0 && { promiscuous: true }),
    ...((flags & IFF_NOARP) !== 0 && { noARP: true }),
    ...(kind !== undefined && { kind }),
    ...(mac !== undefined && { mac }),
    ...(masterIndex !== undefined && { masterIndex }),
    ...(kind === 'veth' && linkIndex !== undefined && { peerIndex: linkIndex }),
    ...(kind === 'veth' && linkNetnsID !== undefined && { peerNetnsID: linkNetnsID }),
    ...(kind !== 'veth' && linkIndex !== undefined && { deviceIndex: linkIndex }),
    ...(promiscuity !== undefined && { promiscuity }),
    ...(flags & IFF_ALLMULTI && { allMulticast: true }),
    ...(txQueueLength !== undefined && { txQueueLength }),
    ...toKind(message),
    ...(alias !== undefined && { alias }),
    ...(hairpin !== undefined && { hairpin }),
    ...(isolated !== undefined && { isolated }),
    ...(vlanFiltering !== undefined && { vlanFiltering }),
    ...(vxlan && { vxlan: { vni: 0, port: 0, learning: false, ...vxlan } }),
  }
}

function toKind({ kindData }: LinkMessage): Partial<Link> {
  switch (kindData?.of) {
    case 'macvlan': {
      const macvlanMode = keyOf(MACVLAN_MODE, kindData.mode)
      return macvlanMode ? { macvlanMode } : {}
    }
    case 'ipvlan': {
      const ipvlanMode = keyOf(IPVLAN_MODE, kindData.mode)
      return ipvlanMode ? { ipvlanMode } : {}
    }
    case 'vlan':
      return { vlanID: kindData.id }
    case 'vrf':
      return { table: kindData.table }
    case 'ipip':
      return { local: kindData.local }
    default:
      return {}
  }
}

function keyOf<T extends Readonly<Record<string, number>>>(
  names: T,
  value: number,
): Extract<keyof T, string> | undefined {
  for (const name in names) if (names[name] === value) return name
  return undefined
}

function unlessMissing<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (error instanceof KernelError && error.errno === 'ENODEV') return undefined
    throw error
  }
}
