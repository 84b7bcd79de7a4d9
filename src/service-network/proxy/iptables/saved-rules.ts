import type { SavedTables } from '#kernel/iptables/parse-save.ts'
import { isServiceChain } from './chain-names.ts'
import { everyChain, type IptablesChanges, type SavedRule } from './diff-plans.ts'
import type { ChainRef, IptablesPlan, Jump, ProxyTable } from './iptables-plan.ts'
import { CANARY } from './plan-base.ts'
import { ruleArgs } from './render.ts'

/*
 * What iptables-save shows beside what is planned: what is missing, and what an earlier process left, of this layout or the other.
 */

const TABLES: readonly ProxyTable[] = ['mangle', 'filter', 'nat']
const TOP_LEVEL: ReadonlySet<string> = new Set([
  CANARY,
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-FORWARD',
  'KUBE-NODEPORTS',
  'KUBE-PROXY-FIREWALL',
  'KUBE-POSTROUTING',
  'KUBE-MARK-MASQ',
])
/** Where a kubelet is, they are its own. */
const KUBELETS: ReadonlySet<string> = new Set(['KUBE-FIREWALL', 'KUBE-MARK-DROP'])

/** Writes everything anew, whatever is there. */
export function planFullSync(plan: IptablesPlan, saved: SavedTables): IptablesChanges {
  const written = everyChain(plan)
  const jumps = plan.jumps.filter((jump) => !hasJump(saved, jump))
  return { written, jumps, ...planRemoval(saved, new Set(written.map(idOf))) }
}

/** Chains that kube-proxy's ipvs mode has too (the filter table's KUBE-SERVICES it has not). */
const SHARED: ReadonlySet<string> = new Set([
  'nat KUBE-SERVICES',
  'filter KUBE-FORWARD',
  'filter KUBE-PROXY-FIREWALL',
  'nat KUBE-POSTROUTING',
  'nat KUBE-MARK-MASQ',
])

/** Where that mode is at work, KUBE-SERVICES leads to a chain that iptables mode does not have (there it is KUBE-NODEPORTS). */
function sharedOfIPVS(saved: SavedTables): ReadonlySet<string> {
  const rules = saved.get('nat')?.get('KUBE-SERVICES')?.rules ?? []
  return rules.some((args) => targetOf(args) === 'KUBE-NODE-PORT') ? SHARED : new Set()
}

/**
 * Everything of ours but what is kept. Chains that the ipvs mode has taken over are no longer ours.
 *
 * @param keep chains that stay, as `table chain`
 */
export function planRemoval(
  saved: SavedTables,
  keep: ReadonlySet<string> = new Set(),
): Pick<IptablesChanges, 'deleted' | 'unwanted'> {
  const deleted: ChainRef[] = []
  const unwanted: SavedRule[] = []
  const stays = keep.union(sharedOfIPVS(saved))
  const hasKubelet = saved.get('mangle')?.has('KUBE-KUBELET-CANARY') ?? false
  for (const table of TABLES) {
    const chains = saved.get(table) ?? new Map<string, never>()
    const gone = new Set(
      [...chains.keys()].filter(
        (chain) => isOurs(chain, hasKubelet) && !stays.has(`${table} ${chain}`),
      ),
    )
    for (const [chain, { rules }] of chains) {
      if (gone.has(chain)) deleted.push({ table, chain })
      // What we write anew is emptied before.
      else if (!keep.has(`${table} ${chain}`)) {
        for (const args of rules) {
          if (gone.has(targetOf(args))) unwanted.push({ table, chain, args })
        }
      }
    }
  }
  return { deleted, unwanted }
}

function isOurs(chain: string, hasKubelet: boolean): boolean {
  return TOP_LEVEL.has(chain) || isServiceChain(chain) || (!hasKubelet && KUBELETS.has(chain))
}

/** Whether each chain has as many rules as it was given, going where they should: rules that changed otherwise were not changed by chance. */
export function isAsPlanned(plan: IptablesPlan, saved: SavedTables): boolean {
  const chains = everyChain(plan)
  return (
    plan.jumps.every((jump) => hasJump(saved, jump)) &&
    chains.every(({ table, chain, rules }) => {
      const found = saved.get(table)?.get(chain)?.rules
      return (
        found?.length === rules.length &&
        rules.every((rule, i) => targetOf(ruleArgs(rule)) === targetOf(found[i]!))
      )
    })
  )
}

function hasJump(saved: SavedTables, { table, chain, rule }: Jump): boolean {
  const wanted = ruleArgs(rule).join('\0')
  return (
    saved
      .get(table)
      ?.get(chain)
      ?.rules.some((args) => args.join('\0') === wanted) ?? false
  )
}

function targetOf(args: readonly string[]): string {
  return args[args.indexOf('-j') + 1] ?? ''
}

function idOf({ table, chain }: ChainRef): string {
  return `${table} ${chain}`
}
