import type { Node } from '#api/core.ts'
import {
  type CIDR,
  cidrContains,
  cidrSize,
  cidrsOverlap,
  formatCIDR,
  nthSubnet,
  parseCIDR,
} from '#ip/cidr.ts'
import { familyOf, ipToBigInt } from '#ip/ip.ts'

export interface NodeSubnetOptions {
  readonly clusterCIDR: CIDR
  /** Prefix length of a node's subnet. */
  readonly nodeMask: number
  /** Subnets that overlap these are never given out. */
  readonly reserved: readonly CIDR[]
}

export interface NodeSubnetPlan {
  readonly assign: ReadonlyMap<string, CIDR>
  /** Nodes for which no subnet is left. */
  readonly exhausted: readonly string[]
  /** Nodes whose subnet lies outside the cluster's range or is another node's too: nothing mends that but a person. */
  readonly misplaced: readonly {
    readonly node: string
    readonly podCIDR: string
    readonly why: string
  }[]
  /** Where the next search starts. */
  readonly next: number
}

/**
 * Gives each node without podCIDR the next free subnet, going round from `next`, so that a subnet just released is
 * used again as late as possible. What nodes already have is theirs, and one that comes back gets what it had in `earlier`, by
 * name, if nobody else has it: its pods may still run, with addresses of that subnet.
 *
 * @see facts/pod-network.md 4.1; pkg/controller/nodeipam/ipam/range_allocator.go
 */
export function planNodeSubnets(
  nodes: readonly Node[],
  options: NodeSubnetOptions,
  next = 0,
  earlier: ReadonlyMap<string, string> = new Map(),
): NodeSubnetPlan {
  const { clusterCIDR, nodeMask, reserved } = options
  const count = countSubnets(clusterCIDR, nodeMask)
  const owners = new Map<number, string>()
  const misplaced: NodeSubnetPlan['misplaced'][number][] = []
  for (const { metadata, podCIDR } of nodes.flatMap(subnetsOf)) {
    const held = parseCIDR(podCIDR)
    const first = held && indexOf(held, options)
    if (!held || first === undefined) {
      misplaced.push({
        node: metadata.name,
        podCIDR,
        why: `it is not within ${formatCIDR(clusterCIDR)}`,
      })
      continue
    }
    const owner = owners.get(first)
    if (owner !== undefined)
      misplaced.push({ node: metadata.name, podCIDR, why: `node ${owner} has it too` })
    for (let index = first; index < first + widthOf(held, nodeMask); index++)
      owners.set(index, owner ?? metadata.name)
  }

  const assign = new Map<string, CIDR>()
  const exhausted: string[] = []
  let at = next % count
  for (const { metadata } of nodes.filter((node) => subnetsOf(node).length === 0)) {
    const before = findEarlier(metadata.name)
    const free = before ?? findFree(at)
    if (free === undefined) {
      exhausted.push(metadata.name)
      continue
    }
    owners.set(free, metadata.name)
    assign.set(metadata.name, nthSubnet(clusterCIDR, nodeMask, free))
    if (before === undefined) at = (free + 1) % count
  }
  return { assign, exhausted, misplaced, next: at }

  function findEarlier(name: string): number | undefined {
    const held = parseCIDR(earlier.get(name) ?? '')
    const index = held?.prefixLength === nodeMask ? indexOf(held, options) : undefined
    return index === undefined || !isFree(index) ? undefined : index
  }

  function isFree(index: number): boolean {
    const subnet = nthSubnet(clusterCIDR, nodeMask, index)
    return !owners.has(index) && !reserved.some((range) => cidrsOverlap(range, subnet))
  }

  function findFree(start: number): number | undefined {
    for (let step = 0; step < count; step++) {
      const index = (start + step) % count
      if (isFree(index)) return index
    }
    return undefined
  }
}

/** @throws RangeError where the mask does not fit: such a cluster cannot start. */
export function countSubnets({ address, prefixLength }: CIDR, nodeMask: number): number {
  const bits = familyOf(address) === 4 ? 32 : 128
  const text = `Cannot divide ${formatCIDR({ address, prefixLength })} into node subnets of /${nodeMask}`
  if (nodeMask < prefixLength || nodeMask > bits)
    throw new RangeError(`${text}: they are not smaller`)
  if (nodeMask - prefixLength > 16) throw new RangeError(`${text}: node CIDR size is too big`)
  return 2 ** (nodeMask - prefixLength)
}

function subnetsOf({ metadata, spec }: Node) {
  const podCIDRs = spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])
  return podCIDRs.map((podCIDR) => ({ metadata, podCIDR }))
}

/** The number of the (first) node subnet that `held` covers. */
function indexOf(held: CIDR, { clusterCIDR, nodeMask }: NodeSubnetOptions): number | undefined {
  if (held.prefixLength < clusterCIDR.prefixLength || !cidrContains(clusterCIDR, held.address))
    return undefined
  const size = cidrSize({ address: clusterCIDR.address, prefixLength: nodeMask })
  return Number((ipToBigInt(held.address) - ipToBigInt(clusterCIDR.address)) / size)
}

function widthOf({ prefixLength }: CIDR, nodeMask: number): number {
  return prefixLength >= nodeMask ? 1 : 2 ** (nodeMask - prefixLength)
}
