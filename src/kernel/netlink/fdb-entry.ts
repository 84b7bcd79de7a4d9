import type { MAC } from '#ip/mac.ts'
import type { FDBEntry } from './model.ts'

/**
 * Whether several VTEPs may share the address in a forwarding table: all zeros (a vxlan's "anything else"), or a group address (its first
 * octet is odd). Such entries are appended; the kernel refuses to replace them.
 */
export function isFlooded(mac: MAC): boolean {
  return mac === '00:00:00:00:00:00' || Number.parseInt(mac.slice(0, 2), 16) % 2 === 1
}

/**
 * Whether the entry is among those listed. Deletions ask first: where a vxlan knows the MAC but with another destination, the kernel
 * deletes nothing and reports success.
 */
export function isListed(
  { device, mac, destination }: FDBEntry,
  listed: readonly FDBEntry[],
): boolean {
  return listed.some(
    (each) =>
      each.device === device &&
      each.mac === mac &&
      (destination === undefined || each.destination === destination),
  )
}
