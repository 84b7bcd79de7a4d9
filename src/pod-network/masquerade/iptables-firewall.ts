import type { Family } from '#ip/ip.ts'
import type { Iptables } from '#kernel/iptables/iptables.ts'
import { formatRestoreLine } from '#kernel/iptables/restore-line.ts'
import { FAMILIES } from '../flannel/lease.ts'
import type { Firewall } from './firewall.ts'
import { type OwnChain, planFlannelRules } from './plan-flannel-rules.ts'

export interface IptablesFirewallOptions {
  readonly masquerade: boolean
  readonly forward: boolean
  readonly randomFully: boolean
}

/**
 * flanneld's chains, kept as planned: a chain that is not as it was right after it was written is written anew, and so is the rule
 * that leads into it. iptables' own printing is compared with itself, never understood.
 */
export function createIptablesFirewall(
  iptables: Iptables,
  options: IptablesFirewallOptions,
): Firewall {
  const kept = new Map<
    string,
    { readonly family: Family; readonly own: OwnChain; readonly printed: string }
  >()
  const isKept = ({ family, own, printed }: { family: Family; own: OwnChain; printed: string }) =>
    print(iptables, family, own) === printed && countJumps(iptables, family, own) === 1
  return {
    isRight: () => [...kept.values()].every(isKept),
    keep(node) {
      let isRenewed = false
      for (const family of FAMILIES) {
        const [network, podCIDR] = [node.networks[family], node.subnets[family]]
        if (!network || !podCIDR) continue
        for (const own of planFlannelRules({ ...options, network, podCIDR })) {
          const place = `${family} ${own.chain}`
          const script = render(own, 1)
          const held = kept.get(place)
          if (held && render(held.own, 1) === script && isKept(held)) continue
          kept.delete(place) // never guess what is there after a failure
          iptables.restore(family, render(own, countJumps(iptables, family, own)))
          kept.set(place, { family, own, printed: print(iptables, family, own) })
          isRenewed = true
        }
      }
      return isRenewed
    },
  }
}

/** Takes the chains away, with the rules that lead into them. */
export function removeFlannelRules(
  iptables: Iptables,
  family: Family,
  chains: readonly OwnChain[],
): void {
  for (const own of chains) {
    if (iptables.list(family, own.table, own.chain) === undefined) continue
    const jumps = Array.from({ length: countJumps(iptables, family, own) }, () =>
      formatRestoreLine(['-D', own.from, ...own.jump]),
    )
    const lines = [
      `*${own.table}`,
      `:${own.chain} - [0:0]`,
      ...jumps,
      `-X ${own.chain}`,
      'COMMIT',
      '',
    ]
    iptables.restore(family, lines.join('\n'))
  }
}

/** Naming a chain empties it. Jumps that are too many go, the last first; where there is none one comes, at the end as flannel's. */
function render(own: OwnChain, jumps: number): string {
  const jump = (verb: string) => formatRestoreLine([verb, own.from, ...own.jump])
  const changes = jumps === 0 ? [jump('-A')] : Array.from({ length: jumps - 1 }, () => jump('-D'))
  const rules = own.rules.map((rule) => formatRestoreLine(['-A', own.chain, ...rule]))
  return [`*${own.table}`, `:${own.chain} - [0:0]`, ...changes, ...rules, 'COMMIT', ''].join('\n')
}

function print(iptables: Iptables, family: Family, { table, chain }: OwnChain): string {
  return JSON.stringify(iptables.list(family, table, chain) ?? null)
}

function countJumps(iptables: Iptables, family: Family, { table, from, chain }: OwnChain): number {
  const rules = iptables.list(family, table, from) ?? []
  return rules.filter((rule) => rule.at(-2) === '-j' && rule.at(-1) === chain).length
}
