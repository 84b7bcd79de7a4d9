import { formatCIDR } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import { FAMILIES } from './lease.ts'
import type { Reconciled } from './reconcile.ts'

/** What a node says of its passes: not the same twice in a row. */
export function createSayings(log: Log) {
  let waiting = ''
  let refusals = new Set<string>()
  return {
    waiting(message: string): void {
      if (message !== waiting) log.info(message)
      waiting = message
    },
    done({ node, peers, plan, changes }: Reconciled, isRenewed: boolean): void {
      const now = new Set(plan.refused.map((it) => `Cannot reach pods of ${it.node}: ${it.why}`))
      for (const refusal of now) if (!refusals.has(refusal)) log.warn(refusal)
      refusals = now
      if (changes.length === 0 && !isRenewed) return
      const podCIDRs = FAMILIES.flatMap((family) => node.subnets[family] ?? []).map(formatCIDR)
      log.info('Pod network set', { podCIDRs, peers: namesOf(peers), changes: countEach(changes) })
    },
  }
}

/** As many as a line of a log can hold. */
const MOST_NAMES = 20

function namesOf(peers: Reconciled['peers']): readonly string[] {
  const names = peers.slice(0, MOST_NAMES).map(({ name }) => name)
  const more = peers.length - names.length
  return more > 0 ? [...names, `and ${more} more`] : names
}

function countEach(changes: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const change of changes) counts[change] = (counts[change] ?? 0) + 1
  return counts
}
