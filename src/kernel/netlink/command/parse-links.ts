import { parseIP } from '#ip/ip.ts'
import { parseMAC } from '#ip/mac.ts'
import type { Link } from '../model.ts'

/** What is read of `ip -j -d link show` (iproute2 6.1). */
interface IpLink {
  readonly ifindex: number
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly operstate?: string
  readonly address?: string
  readonly master?: string
  /** The peer's name where it is in the same namespace, else `link_index`. */
  readonly link?: string
  readonly link_index?: number
  readonly link_netnsid?: number
  readonly ifalias?: string
  readonly promiscuity?: number
  readonly txqlen?: number
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: {
      readonly id?: number
      readonly mode?: string
      readonly table?: number
      readonly local?: string
      readonly local6?: string
      readonly link?: string
      readonly port?: number
      readonly learning?: boolean
      readonly vlan_filtering?: number
      readonly gbp?: boolean
    }
    readonly info_slave_data?: { readonly hairpin?: boolean; readonly isolated?: boolean }
  }
}

export function parseLinks(json: string): Link[] {
  const links = JSON.parse(json || '[]') as readonly IpLink[]
  const indices = new Map(links.map(({ ifname, ifindex }) => [ifname, ifindex]))
  const indexOf = (name: string | undefined) => (name === undefined ? undefined : indices.get(name))
  return links.map((link) => toLink(link, indexOf))
}

function toLink(link: IpLink, indexOf: (name: string | undefined) => number | undefined): Link {
  const kind = link.linkinfo?.info_kind
  const mac = parseMAC(link.address ?? '')
  const masterIndex = indexOf(link.master)
  const below = link.link_index ?? indexOf(link.link)
  const peerIndex = kind === 'veth' ? below : undefined
  const { hairpin, isolated } = link.linkinfo?.info_slave_data ?? {}
  const filtering = link.linkinfo?.info_data?.vlan_filtering
  return {
    index: link.ifindex,
    name: link.ifname,
    mtuBytes: link.mtu,
    up: link.flags.includes('UP'),
    ...(link.operstate === 'UP' && { operUp: true }),
    ...(link.flags.includes('PROMISC') && { promiscuous: true }),
    ...(link.flags.includes('NOARP') && { noARP: true }),
    ...(kind !== undefined && { kind }),
    ...(mac !== undefined && { mac }),
    ...(masterIndex !== undefined && { masterIndex }),
    ...(peerIndex !== undefined && { peerIndex }),
    ...(kind === 'veth' && link.link_netnsid !== undefined && { peerNetnsID: link.link_netnsid }),
    ...(kind !== 'veth' && below !== undefined && { deviceIndex: below }),
    ...(link.promiscuity !== undefined && { promiscuity: link.promiscuity }),
    ...(link.flags.includes('ALLMULTI') && { allMulticast: true }),
    ...(link.txqlen !== undefined && { txQueueLength: link.txqlen }),
    ...toKind(link),
    ...(link.ifalias !== undefined && { alias: link.ifalias }),
    ...(hairpin !== undefined && { hairpin }),
    ...(isolated !== undefined && { isolated }),
    ...(filtering !== undefined && { vlanFiltering: filtering !== 0 }),
    ...(kind === 'vxlan' && { vxlan: toVXLAN(link, indexOf) }),
  }
}

function toKind({ linkinfo }: IpLink): Partial<Link> {
  const { mode, id, table } = linkinfo?.info_data ?? {}
  switch (linkinfo?.info_kind) {
    case 'macvlan':
      return { macvlanMode: mode as NonNullable<Link['macvlanMode']> }
    case 'ipvlan':
      return { ipvlanMode: mode as NonNullable<Link['ipvlanMode']> }
    case 'vlan':
      return id === undefined ? {} : { vlanID: id }
    case 'vrf':
      return table === undefined ? {} : { table }
    default:
      return {}
  }
}

function toVXLAN(
  { linkinfo }: IpLink,
  indexOf: (name: string | undefined) => number | undefined,
): NonNullable<Link['vxlan']> {
  const { id = 0, port = 0, learning = false, local, local6, link, gbp } = linkinfo?.info_data ?? {}
  const address = parseIP(local ?? local6 ?? '')
  const deviceIndex = indexOf(link)
  return {
    vni: id,
    port,
    learning,
    ...(gbp && { gbp }),
    ...(address !== undefined && { local: address }),
    ...(deviceIndex !== undefined && { deviceIndex }),
  }
}
