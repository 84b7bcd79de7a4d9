import { isDeepStrictEqual } from 'node:util'
import type { ServiceCIDR } from '#api/networking.ts'
import type { Informer } from '#client/informer.ts'
import { type CIDR, cidrContains, parseCIDR } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'

export interface FollowedServiceCIDRs extends Disposable {
  /** Those of one family, none within another. */
  current(): readonly CIDR[]
}

/**
 * Follows the ranges that ClusterIPs are from. What ServiceCIDR objects say counts once all are listed; until then, and where there are
 * none, `first` is the only one.
 *
 * @param onChange called with each other set of ranges
 */
export function followServiceCIDRs(
  informer: Informer<ServiceCIDR> | undefined,
  first: CIDR,
  onChange: (serviceCIDRs: readonly CIDR[]) => void,
): FollowedServiceCIDRs {
  let current: readonly CIDR[] = [first]
  let isListed = false
  const look = () => {
    if (!isListed || !informer) return
    const named = rangesOf(informer.list(), familyOf(first.address))
    const next = named.length > 0 ? named : [first]
    if (isDeepStrictEqual(next, current)) return
    current = next
    onChange(next)
  }
  informer?.synced.then(
    () => {
      isListed = true
      look()
    },
    () => {}, // whoever reads it hears of it
  )
  const unsubscribe = informer?.subscribe(look)
  return { current: () => current, [Symbol.dispose]: () => unsubscribe?.() }
}

function rangesOf(objects: readonly ServiceCIDR[], family: Family): readonly CIDR[] {
  const all = objects
    .flatMap(({ spec }) => spec?.cidrs ?? [])
    .flatMap((text) => parseCIDR(text) ?? [])
    .filter(({ address }) => familyOf(address) === family)
    .sort((a, b) => a.prefixLength - b.prefixLength || (a.address < b.address ? -1 : 1))
  return all.filter(
    (range, i) => !all.slice(0, i).some((wider) => cidrContains(wider, range.address)),
  )
}
