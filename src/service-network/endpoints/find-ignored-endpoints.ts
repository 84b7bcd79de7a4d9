import type { EndpointSlice } from '#api/discovery.ts'
import { checkAddress } from '../model/check-address.ts'

/** What proxies leave out of hand-made slices. */
export interface IgnoredEndpoint {
  readonly address: string
  readonly why: string
}

/** How many are named in one event. */
const NAMED = 5
const MAX_ADDRESS = 64

/**
 * Endpoints that no proxy sends to: addresses that are nobody's or the node's own (CVE-2021-25737), of another family than their slice,
 * and one that is in a slice again. An API server refuses most of them; older objects and other servers may hold them. Sorted by address.
 *
 * @param slices of one Service
 */
export function findIgnoredEndpoints(slices: readonly EndpointSlice[]): readonly IgnoredEndpoint[] {
  const found = new Map<string, string>()
  for (const { addressType, endpoints } of slices) {
    if (addressType !== 'IPv4' && addressType !== 'IPv6') continue
    const times = new Map<string, number>()
    for (const { addresses } of endpoints ?? []) {
      const [address = ''] = addresses
      const checked = checkAddress(address, addressType === 'IPv4' ? 4 : 6)
      if ('fault' in checked) found.set(address, checked.fault)
      else times.set(address, (times.get(address) ?? 0) + 1)
    }
    for (const [address, count] of times) {
      if (count > 1 && !found.has(address)) found.set(address, `named ${count} times, counts once`)
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([address, why]) => ({ address, why }))
}

/** What people read of it, in an event of the Service. */
export function describeIgnoredEndpoints(found: readonly IgnoredEndpoint[]): string {
  const named = found
    .slice(0, NAMED)
    .map(({ address, why }) => `${JSON.stringify(address.slice(0, MAX_ADDRESS))} (${why})`)
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : ''
  return `Endpoints are ignored: ${named.join(', ')}${more}`
}
