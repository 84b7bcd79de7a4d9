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
      log.info('Pod network set', { podCIDRs, peers: peers.map(({ name }) => name), changes })
    },
  }
}
