import type { Node } from '#api/core.ts'
import type { ServiceCIDR } from '#api/networking.ts'
import { type CIDR, cidr, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import type { FamilyOptions } from '../run-proxy.ts'
import type { ProxyConfiguration } from './configuration.ts'

export interface NodeFamilies {
  readonly families: readonly FamilyOptions[]
  readonly warnings: readonly string[]
}

const EVERYTHING: Readonly<Record<Family, CIDR>> = { 4: cidr('0.0.0.0/0'), 6: cidr('::/0') }
/** The range of an API server that tells of none: it has no ClusterIP, so nothing is dropped as if it were one that no Service has. */
const NOTHING: Readonly<Record<Family, CIDR>> = { 4: cidr('0.0.0.0/32'), 6: cidr('::/128') }

/** The addresses that the Node object names, one a family, in its order; `bindAddress` in place of its family's. */
export function nodeAddresses(node: Node, bindAddress?: IP): readonly IP[] {
  const named = ['InternalIP', 'ExternalIP'].flatMap((wanted) =>
    (node.status?.addresses ?? []).flatMap(({ type, address }) =>
      type === wanted ? (parseIP(address) ?? []) : [],
    ),
  )
  const all = bindAddress === undefined ? named : [bindAddress, ...named]
  return all.filter(
    (ip, index) => all.findIndex((other) => familyOf(other) === familyOf(ip)) === index,
  )
}

/**
 * What the proxy must know of the node in each family that has both an address of the node and a range of ClusterIPs.
 *
 * @param serviceCIDRs `undefined` where the API server has no such objects (before 1.33) or does not show them
 * @throws Error where there is no such family
 */
export function planNodeFamilies(
  node: Node,
  serviceCIDRs: readonly ServiceCIDR[] | undefined,
  configuration: Pick<ProxyConfiguration, 'bindAddress' | 'clusterCIDRs' | 'detectLocalMode'>,
): NodeFamilies {
  const { bindAddress, detectLocalMode } = configuration
  const ranges = serviceCIDRs?.flatMap(({ spec }) =>
    (spec?.cidrs ?? []).flatMap((text) => parseCIDR(text) ?? []),
  )
  const ofNode = (node.spec?.podCIDRs ?? [node.spec?.podCIDR ?? '']).flatMap(
    (text) => parseCIDR(text) ?? [],
  )
  const podCIDRs = detectLocalMode === 'NodeCIDR' ? ofNode : configuration.clusterCIDRs
  const inFamily = (cidrs: readonly CIDR[], family: Family) =>
    cidrs.find(({ address }) => familyOf(address) === family)
  const warnings: string[] = []
  const families = nodeAddresses(node, bindAddress).flatMap((nodeIP): FamilyOptions[] => {
    const family = familyOf(nodeIP)
    const serviceCIDR = ranges ? inFamily(ranges, family) : NOTHING[family]
    if (!serviceCIDR) return []
    const podCIDR = inFamily(podCIDRs, family)
    if (!podCIDR) {
      const source =
        detectLocalMode === 'NodeCIDR' ? 'the node has no podCIDR' : 'clusterCIDR names none'
      warnings.push(
        `no range of pods is known for IPv${family} (${source}): clients outside of the cluster are not masqueraded`,
      )
    }
    return [{ nodeIP, serviceCIDR, podCIDR: podCIDR ?? EVERYTHING[family] }]
  })
  if (families.length === 0) {
    throw new Error(
      `Cannot serve node ${node.metadata.name}: it has no address of a family in which there are ClusterIPs (its status names addresses, ServiceCIDR objects the ranges)`,
    )
  }
  return { families, warnings }
}

/** Whether load balancers may send to the node: not while it is deleted or the autoscaler is about to. Source: KEP-3836. */
export function isEligible({ metadata, spec }: Node): boolean {
  const isGoing = spec?.taints?.some(({ key }) => key === 'ToBeDeletedByClusterAutoscaler')
  return metadata.deletionTimestamp === undefined && isGoing !== true
}
