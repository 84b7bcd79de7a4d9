import type { Node } from '#api/core.ts'
import { type CIDR, parseCIDR } from '#ip/cidr.ts'
import { familyOf, type IP, parseIP } from '#ip/ip.ts'
import { type MAC, parseMAC } from '#ip/mac.ts'
import type { VXLANPeer } from './vxlan/plan-vxlan.ts'

/* How nodes tell each other where their pods are: flannel's annotations (pkg/subnet/kube), so that flanneld's nodes and ours mix. */

const PREFIX = 'flannel.alpha.coreos.com'
const KEY = {
  subnetManager: `${PREFIX}/kube-subnet-manager`,
  backendType: `${PREFIX}/backend-type`,
  backendData: `${PREFIX}/backend-data`,
  publicIP: `${PREFIX}/public-ip`,
  publicIPOverwrite: `${PREFIX}/public-ip-overwrite`,
} as const

export interface OwnLease {
  readonly nodeIP: IP
  readonly mac: MAC
  readonly vni: number
}

export function planAnnotations({ nodeIP, mac, vni }: OwnLease): Readonly<Record<string, string>> {
  return {
    [KEY.subnetManager]: 'true',
    [KEY.backendType]: 'vxlan',
    [KEY.backendData]: JSON.stringify({ VNI: vni, VtepMAC: mac }),
    [KEY.publicIP]: nodeIP,
  }
}

/** Whether the node carries these already. */
export function hasAnnotations(node: Node, wanted: Readonly<Record<string, string>>): boolean {
  const held = node.metadata.annotations ?? {}
  return Object.entries(wanted).every(([key, value]) => held[key] === value)
}

/** A node as a peer of the tunnel, or why it is none. */
export type PeerDecision =
  | { readonly kind: 'peer'; readonly peer: VXLANPeer }
  | { readonly kind: 'none'; readonly reason: string }

/** Annotations are anybody's text: what does not parse makes no peer. */
export function decidePeer(node: Node, vni: number): PeerDecision {
  const none = (reason: string): PeerDecision => ({ kind: 'none', reason })
  const annotations = node.metadata.annotations ?? {}
  const podCIDR = podCIDROf(node)
  if (!podCIDR) return none('it has no podCIDR')
  const type = annotations[KEY.backendType]
  if (type !== 'vxlan')
    return none(type ? `its backend is ${type}` : 'no pod network daemon told of it yet')
  const nodeIP = parseIP(annotations[KEY.publicIPOverwrite] || annotations[KEY.publicIP] || '')
  if (!nodeIP || familyOf(nodeIP) !== 4) return none('its public-ip is no IPv4 address')
  const data = parseBackendData(annotations[KEY.backendData])
  if (!data) return none('its backend-data is not {"VNI":…,"VtepMAC":…}')
  if (data.vni !== vni) return none(`its VNI is ${data.vni}, not ${vni}`)
  return { kind: 'peer', peer: { nodeName: node.metadata.name, podCIDR, nodeIP, mac: data.mac } }
}

/** The MAC that the node told its peers, if any: kept when its device is made anew. */
export function publishedMAC(node: Node, vni: number): MAC | undefined {
  const data = parseBackendData(node.metadata.annotations?.[KEY.backendData])
  return data?.vni === vni ? data.mac : undefined
}

/** The node's IPv4 subnet. */
export function podCIDROf({ spec }: Node): CIDR | undefined {
  return [...(spec?.podCIDRs ?? []), spec?.podCIDR ?? '']
    .map(parseCIDR)
    .find((parsed) => parsed && familyOf(parsed.address) === 4)
}

function parseBackendData(text: string | undefined): { vni: number; mac: MAC } | undefined {
  try {
    const data = JSON.parse(text ?? '') as { VNI?: unknown; VtepMAC?: unknown } | null
    const mac = typeof data?.VtepMAC === 'string' ? parseMAC(data.VtepMAC) : undefined
    return mac && typeof data?.VNI === 'number' ? { vni: data.VNI, mac } : undefined
  } catch {
    return undefined
  }
}
