import { createHash } from 'node:crypto'
import type { IP } from '#ip/ip.ts'

/**
 * Which of the candidates answers for an address: the first by sha256(node "#" address), as MetalLB does it. Addresses spread over the
 * nodes, and the loss of a node moves only those that it had.
 */
export function electNode(ip: IP, candidates: readonly string[]): string | undefined {
  let first: { readonly name: string; readonly rank: string } | undefined
  for (const name of candidates) {
    const rank = createHash('sha256').update(`${name}#${ip}`).digest('hex')
    if (!first || rank < first.rank) first = { name, rank }
  }
  return first?.name
}
