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

/** The pod network of one IP family, and how it is divided. */
export interface NodeSubnetRange {
  readonly clusterCIDR: CIDR
  /** Prefix length of a node's subnet. */
  readonly nodeMask: number
}

export interface NodeSubnetOptions {
  /** One, or one of each family; the first is that of `spec.podCIDR`. */
  readonly ranges: readonly NodeSubnetRange[]
  /** Subnets that overlap these are never given out. */
  readonly reserved: readonly CIDR[]
}

export interface NodeSubnetPlan {
  /** By node: a subnet of each range, in the order of the ranges. */
  readonly assign: ReadonlyMap<string, readonly CIDR[]>
  /** Nodes for which one of the ranges has no subnet left; they get none of the others either. */
  readonly exhausted: readonly string[]
  /** Nodes whose subnet lies outside the cluster's ranges or is another node's too: nothing mends that but a person. */
  readonly misplaced: readonly Misplaced[]
  /** Where the next search starts in each range. */
  readonly next: readonly number[]
}

interface Misplaced {
  readonly node: string
  readonly podCIDR: string
  readonly why: string
}

/**
 * Gives each node without podCIDRs the next free subnet of each range, going round from `next`, so that a subnet just released is
 * used again as late as possible. What nodes already have is theirs, and one that comes back gets what it had in `earlier`, by
 * name, if nobody else has it: its pods may still run, with addresses of that subnet. A node that has any podCIDR gets no more of
 * them: they are set once.
 *
 * @see facts/pod-network.md 4.1; pkg/controller/nodeipam/ipam/range_allocator.go
 */
export function planNodeSubnets(
  nodes: readonly Node[],
  { ranges, reserved }: NodeSubnetOptions,
  next: readonly number[] = [],
  earlier: ReadonlyMap<string, readonly string[]> = new Map(),
): NodeSubnetPlan {
  const misplaced: Misplaced[] = []
  const shares = ranges.map((range, i) => divide(range, reserved, next[i] ?? 0))
  for (const { name, podCIDR } of nodes.flatMap(subnetsOf)) {
    const why = occupy(shares, name, podCIDR)
    if (why !== undefined) misplaced.push({ node: name, podCIDR, why })
  }
  const assign = new Map<string, readonly CIDR[]>()
  const exhausted: string[] = []
  for (const node of nodes.filter((node) => subnetsOf(node).length === 0)) {
    const { name } = node.metadata
    const found = shares.map((share) => share.find(earlier.get(name) ?? []))
    if (found.some((one) => one === undefined)) exhausted.push(name)
    else
      assign.set(
        name,
        shares.map((share, i) => share.give(name, found[i]!)),
      )
  }
  return { assign, exhausted, misplaced, next: shares.map((share) => share.next()) }
}

/** @returns why nobody may use the subnet as it is */
function occupy(shares: readonly Share[], name: string, podCIDR: string): string | undefined {
  const held = parseCIDR(podCIDR)
  for (const share of held ? shares : []) {
    const owner = share.occupy(held!, name)
    if (owner === undefined) continue
    return owner === name ? undefined : `node ${owner} has it too`
  }
  return `it is not within ${shares.map(({ range }) => formatCIDR(range.clusterCIDR)).join(' or ')}`
}

/** Whose each subnet of a range is. */
interface Share {
  readonly range: NodeSubnetRange
  /** @returns who has it: `name`, or who was first; `undefined` where it is not of this range */
  occupy(held: CIDR, name: string): string | undefined
  /** One of `before` that is free, or the next free one; `undefined` where none is left. */
  find(before: readonly string[]): Found | undefined
  give(name: string, found: Found): CIDR
  next(): number
}

interface Found {
  readonly index: number
  readonly isNew: boolean
}

function divide(range: NodeSubnetRange, reserved: readonly CIDR[], start: number): Share {
  const { clusterCIDR, nodeMask } = range
  const count = countSubnets(clusterCIDR, nodeMask)
  const owners = new Map<number, string>()
  let at = start % count
  const isFree = (index: number) => {
    const subnet = nthSubnet(clusterCIDR, nodeMask, index)
    return !owners.has(index) && !reserved.some((other) => cidrsOverlap(other, subnet))
  }
  return {
    range,
    occupy(held, name) {
      const first = indexOf(held, range)
      if (first === undefined) return
      const owner = owners.get(first) ?? name
      for (let index = first; index < first + widthOf(held, nodeMask); index++)
        owners.set(index, owner)
      return owner
    },
    find(before) {
      for (const held of before.map(parseCIDR)) {
        const index = held?.prefixLength === nodeMask ? indexOf(held, range) : undefined
        if (index !== undefined && isFree(index)) return { index, isNew: false }
      }
      for (let step = 0; step < count; step++) {
        const index = (at + step) % count
        if (isFree(index)) return { index, isNew: true }
      }
      return
    },
    give(name, { index, isNew }) {
      owners.set(index, name)
      if (isNew) at = (index + 1) % count
      return nthSubnet(clusterCIDR, nodeMask, index)
    },
    next: () => at,
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

/** `podCIDRs`, or what a node of an older API has. */
export function podCIDRsOf({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])
}

function subnetsOf(node: Node) {
  return podCIDRsOf(node).map((podCIDR) => ({ name: node.metadata.name, podCIDR }))
}

/** The number of the (first) node subnet that `held` covers. */
function indexOf(held: CIDR, { clusterCIDR, nodeMask }: NodeSubnetRange): number | undefined {
  if (held.prefixLength < clusterCIDR.prefixLength || !cidrContains(clusterCIDR, held.address))
    return undefined
  const size = cidrSize({ address: clusterCIDR.address, prefixLength: nodeMask })
  return Number((ipToBigInt(held.address) - ipToBigInt(clusterCIDR.address)) / size)
}

function widthOf({ prefixLength }: CIDR, nodeMask: number): number {
  return prefixLength >= nodeMask ? 1 : 2 ** (nodeMask - prefixLength)
}
