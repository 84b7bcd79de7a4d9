import type { ProxiedEndpoint } from '../../model.ts'

/** Above all priorities that sockets have by themselves. */
const FIRST = 0x8000_0000

/**
 * Gives each endpoint a number of 32 bits that it keeps whoever comes and goes, also over a restart: a hash of its address and port. Where
 * two of them meet, the later one takes the next number; when the other one leaves, its clients choose anew.
 */
export function numberEndpoints(
  endpoints: readonly ProxiedEndpoint[],
): ReadonlyMap<number, ProxiedEndpoint> {
  const numbered = new Map<number, ProxiedEndpoint>()
  for (const endpoint of new Set(endpoints)) {
    let number = hash(`${endpoint.ip} ${endpoint.port}`)
    while (numbered.has(number)) number = FIRST + ((number + 1) % FIRST)
    numbered.set(number, endpoint)
  }
  return numbered
}

/** FNV-1a, folded to the upper half of 32 bits (draft-eastlake-fnv, section 2). */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    value ^= text.charCodeAt(i)
    value = Math.imul(value, 0x01000193)
  }
  return FIRST + ((value >>> 0) % FIRST)
}
