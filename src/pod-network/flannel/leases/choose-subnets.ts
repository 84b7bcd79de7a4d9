import { type CIDR, cidrsOverlap } from '#ip/cidr.ts'
import { type Family, type IP, ipFromBigInt, ipToBigInt } from '#ip/ip.ts'
import { FAMILIES, type Lease, mapFamilies, type PerFamily } from '../lease.ts'
import type { SubnetRange } from '../net-conf.ts'

/** How many free subnets are looked for; one of them is taken at random, so that nodes that start together seldom want the same. */
const CANDIDATES = 100

export interface Choice {
  readonly subnets: PerFamily<CIDR>
  /** The lease that is taken over, where this node has one already. */
  readonly existing?: Lease
  /** A lease of this node's that no range has any more: to be deleted. */
  readonly misfit?: Lease
}

/**
 * Which subnets a node takes, as flannel chooses (pkg/subnet/etcd/local_manager.go, tryAcquireLease): those of the lease with its
 * public address, else those it had before, else free ones. Pure, but for `random` (0 to 1).
 * @throws Error "out of subnets"
 */
export function chooseSubnets(
  leases: readonly Lease[],
  ranges: PerFamily<SubnetRange>,
  publicIP: IP | undefined,
  previous: PerFamily<CIDR>,
  random: () => number,
): Choice {
  const own = leases.find((lease) => publicIP !== undefined && lease.publicIPs[4] === publicIP)
  if (own && isWithin(own.subnets, ranges)) return { subnets: own.subnets, existing: own }
  const misfit = own && { misfit: own }
  const others = leases.filter((lease) => lease !== own)
  const isFree = (subnets: PerFamily<CIDR>) =>
    FAMILIES.every((family) => isFreeIn(subnets[family], family, others))
  if (isWithin(previous, ranges) && isFree(previous)) return { subnets: previous, ...misfit }
  const subnets = mapFamilies(ranges, (range, family) => {
    const free = listFree(range, family, others)
    const chosen = free[Math.floor(random() * free.length)]
    if (!chosen) throw new Error('out of subnets')
    return chosen
  })
  return { subnets, ...misfit }
}

function isWithin(subnets: PerFamily<CIDR>, ranges: PerFamily<SubnetRange>): boolean {
  return FAMILIES.every((family) => {
    const [subnet, range] = [subnets[family], ranges[family]]
    if (!subnet || !range) return !subnet === !range
    const address = ipToBigInt(subnet.address)
    return (
      subnet.prefixLength === range.length &&
      address >= ipToBigInt(range.min) &&
      address <= ipToBigInt(range.max)
    )
  })
}

function isFreeIn(subnet: CIDR | undefined, family: Family, leases: readonly Lease[]): boolean {
  return (
    !subnet ||
    !leases.some(({ subnets }) => subnets[family] && cidrsOverlap(subnets[family], subnet))
  )
}

function listFree(
  { length, min, max }: SubnetRange,
  family: Family,
  leases: readonly Lease[],
): readonly CIDR[] {
  const step = 1n << BigInt((family === 4 ? 32 : 128) - length)
  const last = ipToBigInt(max)
  const free: CIDR[] = []
  for (let at = ipToBigInt(min); at <= last && free.length < CANDIDATES; at += step) {
    const subnet = { address: ipFromBigInt(at, family), prefixLength: length }
    if (isFreeIn(subnet, family, leases)) free.push(subnet)
  }
  return free
}
