import type { Node } from '#api/core.ts'
import { type CIDR, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import { FAMILIES, type Lease, mapFamilies, type PerFamily } from './lease.ts'

/*
 * How nodes tell each other where their pods are: flannel's annotations (pkg/subnet/kube), so that flanneld's nodes and ours mix.
 * Annotations are anybody's text: what does not parse is as if it were not there.
 */

export const DEFAULT_ANNOTATION_PREFIX = 'flannel.alpha.coreos.com'

/** The annotations' names under one prefix. */
export interface AnnotationKeys {
  readonly subnetManager: string
  readonly backendType: string
  readonly data: Readonly<Record<Family, string>>
  readonly publicIP: Readonly<Record<Family, string>>
  /** Written by people: what this node's public-ip shall be. */
  readonly publicIPOverwrite: Readonly<Record<Family, string>>
  /** Written by people: what this node takes for its own address. */
  readonly nodePublicIP: Readonly<Record<Family, string>>
}

/** @throws RangeError with flannel's words (pkg/subnet/kube/annotations.go) */
export function annotationKeys(prefix = DEFAULT_ANNOTATION_PREFIX): AnnotationKeys {
  const slashes = prefix.split('/').length - 1
  if (slashes > 1) throw new RangeError('subnet/kube: prefix can contain at most single slash')
  const whole = slashes === 0 ? `${prefix}/` : prefix
  const start = /[/-]$/.test(whole) ? whole : `${whole}-`
  if (!/^(?:[a-z0-9_-]+\.)+[a-z0-9_-]+\/(?:[a-z0-9_-]+-)?$/.test(start))
    throw new RangeError('subnet/kube: prefix must be in a format: fqdn/[0-9a-z-_]*')
  return {
    subnetManager: `${start}kube-subnet-manager`,
    backendType: `${start}backend-type`,
    data: { 4: `${start}backend-data`, 6: `${start}backend-v6-data` },
    publicIP: { 4: `${start}public-ip`, 6: `${start}public-ipv6` },
    publicIPOverwrite: { 4: `${start}public-ip-overwrite`, 6: `${start}public-ipv6-overwrite` },
    nodePublicIP: { 4: `${start}node-public-ip`, 6: `${start}node-public-ipv6` },
  }
}

/** What this node writes. Backends without data of their own write `null`, as flannel does. */
export function planAnnotations(
  { backendType, publicIPs, data }: Pick<Lease, 'backendType' | 'publicIPs' | 'data'>,
  keys: AnnotationKeys,
): Readonly<Record<string, string>> {
  const annotations: Record<string, string> = {
    [keys.subnetManager]: 'true',
    [keys.backendType]: backendType,
  }
  for (const family of FAMILIES) {
    const publicIP = publicIPs[family]
    if (publicIP === undefined) continue
    annotations[keys.data[family]] = JSON.stringify(data[family] ?? null)
    annotations[keys.publicIP[family]] = publicIP
  }
  return annotations
}

/** Whether the node carries these already. */
export function hasAnnotations(node: Node, wanted: Readonly<Record<string, string>>): boolean {
  const held = node.metadata.annotations ?? {}
  return Object.entries(wanted).every(([key, value]) => held[key] === value)
}

/** What the node tells; `undefined` where no pod network daemon has spoken for it yet. */
export function leaseOfNode(node: Node, keys: AnnotationKeys): Lease | undefined {
  const annotations = node.metadata.annotations ?? {}
  if (annotations[keys.subnetManager] !== 'true') return undefined
  return {
    name: node.metadata.name,
    backendType: annotations[keys.backendType] ?? '',
    subnets: podCIDRsOf(node),
    publicIPs: addressesIn(annotations, keys.publicIP),
    data: mapFamilies(keys.data, (key) => parseJSON(annotations[key])),
  }
}

/** Of a node, what the pod network looks at: most of a Node object is kubelet's reports and images, and they are often new. */
export function keepLease({ status, ...node }: Node, keys: AnnotationKeys): Node {
  const known = new Set(
    Object.values(keys).flatMap((it) => (typeof it === 'string' ? it : Object.values(it))),
  )
  const annotations = Object.entries(node.metadata.annotations ?? {}).filter(([key]) =>
    known.has(key),
  )
  const condition = status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
  return {
    ...node,
    metadata: {
      ...node.metadata,
      labels: {},
      managedFields: [],
      annotations: Object.fromEntries(annotations),
    },
    status: { conditions: condition ? [{ type: condition.type, status: condition.status }] : [] },
  }
}

/** Whether two states of a node are the same to the pod network. */
export function isSameLease(a: Node, b: Node, keys: AnnotationKeys): boolean {
  const text = (node: Node) => {
    const { metadata, spec, status } = keepLease(node, keys)
    return JSON.stringify([metadata.annotations, spec?.podCIDR, spec?.podCIDRs, status])
  }
  return text(a) === text(b)
}

/** The addresses that people gave this node, if any. */
export function givenAddresses(
  { metadata: { annotations = {} } }: Node,
  keys: AnnotationKeys,
): { readonly own: PerFamily<IP>; readonly overwrite: PerFamily<IP> } {
  return {
    own: addressesIn(annotations, keys.nodePublicIP),
    overwrite: addressesIn(annotations, keys.publicIPOverwrite),
  }
}

/** The node's subnets: the first of each family. */
export function podCIDRsOf({ spec }: Node): PerFamily<CIDR> {
  const all = [...(spec?.podCIDRs ?? []), spec?.podCIDR ?? ''].map(parseCIDR)
  const first = (family: Family) => all.find((it) => it && familyOf(it.address) === family)
  return mapFamilies({ 4: first(4), 6: first(6) } as PerFamily<CIDR>, (it) => it)
}

function addressesIn(
  annotations: Readonly<Record<string, string>>,
  keys: Readonly<Record<Family, string>>,
): PerFamily<IP> {
  return mapFamilies(keys, (key, family) => {
    const address = parseIP(annotations[key] ?? '')
    return address !== undefined && familyOf(address) === family ? address : undefined
  })
}

function parseJSON(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
