import type { Accounts } from '#kernel/accounts/accounts.ts'
import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { parseSave, type SavedTables } from '#kernel/iptables/parse-save.ts'
import type { ModeDeps, ModeTable, SyncOutcome } from '../mode.ts'
import { countRules } from './count-rules.ts'
import { diffPlans, everyChain, type IptablesChanges, isEmpty } from './diff-plans.ts'
import type { IptablesPlan, Settings } from './iptables-plan.ts'
import { closeLocalnet, drainLocalhost, openLocalnet } from './localnet.ts'
import { CANARY, CANARY_TABLES, INVALID_COUNTER, LOCALHOST_COUNTER } from './plan-base.ts'
import { planProxy } from './plan-proxy.ts'
import { renderChanges } from './render.ts'
import { isAsPlanned, planFullSync, planRemoval } from './saved-rules.ts'
import type { RuleWatcher } from './watch-rules.ts'

/** k/k pkg/proxy/util: FullSyncPeriod. */
const FULL_SYNC_MS = 60 * 60 * 1000
/** Keeps others away from 127.0.0.1 while route_localnet is open (CVE-2020-8558). */
const GUARD = { table: 'filter', chain: 'KUBE-FIREWALL' } as const

export interface TableDeps extends Pick<ModeDeps, 'netns' | 'log'> {
  /** Owned: closed with the table. */
  readonly iptables: AsyncIptables
  /** Owned, too. */
  readonly watcher?: RuleWatcher
  /** Owned, too; given where the settings say that the kernel has them. */
  readonly accounts?: Accounts
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

/** Our chains in the kernel, in one family. */
export function createIptablesTable(deps: TableDeps, settings: Settings): ModeTable {
  const { iptables, watcher, now = () => performance.now() } = deps
  let applied: IptablesPlan | undefined // unknown at first: an earlier process may have left anything
  let planned: IptablesPlan | undefined
  let writtenAt = 0
  let localnetBefore: string | undefined
  let written: IptablesChanges['written'] = []

  const restore = (changes: IptablesChanges) => {
    written = changes.written
    const write = () => iptables.restore(renderChanges(changes))
    return watcher ? watcher.during(write) : write()
  }

  async function replace(plan: IptablesPlan): Promise<void> {
    const saved = await readAll(iptables)
    if (settings.localhostNodePorts && localnetBefore === undefined) {
      const before = openLocalnet(deps)
      // Where the guard stands, another process of this mode opened it.
      localnetBefore = saved.get(GUARD.table)?.has(GUARD.chain) ? '0' : before
    }
    await restore(planFullSync(plan, saved))
    writtenAt = now()
  }

  async function change(before: IptablesPlan, plan: IptablesPlan): Promise<SyncOutcome> {
    const changes = diffPlans(before, plan)
    if (isEmpty(changes)) return 'nothing'
    await restore(changes)
    return 'changed'
  }

  async function sync(model: Parameters<ModeTable['sync']>[0]): Promise<SyncOutcome> {
    const before = applied
    const plan = planProxy(model, settings, planned)
    planned = plan
    applied = undefined // until the kernel has agreed
    written = []
    const isDue = now() - writtenAt >= FULL_SYNC_MS
    const outcome = before && !isDue ? await change(before, plan) : 'replaced'
    if (outcome === 'replaced') await replace(plan)
    applied = plan
    return outcome
  }

  return {
    sync,
    async isIntact() {
      const plan = applied
      if (!plan) return false
      // Listing many rules takes seconds.
      if (plan.isLarge) return hasCanaries(iptables)
      return isAsPlanned(plan, await readAll(iptables))
    },
    doubt() {
      applied = undefined
    },
    async remove(drain, onRulesGone) {
      applied = undefined
      watcher?.[Symbol.dispose]()
      if (drain && localnetBefore !== undefined) {
        await removeRules(deps, { keepsGuard: true })
        onRulesGone?.()
        await drainLocalhost(deps, drain)
        // The mode is back.
        if ((await readAll(iptables)).get('nat')?.has(CANARY)) return
      }
      await removeRules(deps)
      if (localnetBefore !== undefined) closeLocalnet(deps.netns, localnetBefore)
      localnetBefore = undefined
    },
    async counters() {
      const counts = countRules(applied ? everyChain(applied) : [], written)
      return { ...counts, ...(deps.accounts && readAccounts(deps.accounts)) }
    },
    async [Symbol.asyncDispose]() {
      watcher?.[Symbol.dispose]()
      deps.accounts?.[Symbol.dispose]()
      iptables[Symbol.dispose]()
    },
  }
}

function readAccounts(accounts: Accounts) {
  const found = new Map(accounts.read().map(({ name, packets }) => [name, Number(packets)]))
  return {
    invalidPacketsDropped: found.get(INVALID_COUNTER) ?? 0,
    localhostNodePortPackets: found.get(LOCALHOST_COUNTER) ?? 0,
  }
}

/** Only tables that exist: legacy iptables makes one that is asked for. */
async function readAll(iptables: AsyncIptables): Promise<SavedTables> {
  return parseSave(await iptables.save())
}

export async function hasCanaries(iptables: AsyncIptables): Promise<boolean> {
  try {
    for (const table of CANARY_TABLES) await iptables.run(['-t', table, '-S', CANARY])
    return true
  } catch {
    return false
  }
}

/** Whether a rule keeps others away from 127.0.0.1: ours, or a kubelet's. */
export async function hasGuard(iptables: AsyncIptables): Promise<boolean> {
  const rules = (await readAll(iptables)).get(GUARD.table)?.get(GUARD.chain)?.rules ?? []
  return rules.some((args) => args.includes('127.0.0.0/8'))
}

/**
 * Takes away every chain that is ours, and what leads there. With the rule against its abuse, route_localnet goes too (CVE-2020-8558).
 */
export async function removeRules(
  { iptables, netns }: Omit<TableDeps, 'log'>,
  { keepsGuard = false, keepsLocalnet = false } = {},
): Promise<void> {
  const kept = new Set(keepsGuard ? [`${GUARD.table} ${GUARD.chain}`] : [])
  const removal = planRemoval(await readAll(iptables), kept)
  const changes = { written: [], jumps: [], ...removal }
  if (isEmpty(changes)) return
  await iptables.restore(renderChanges(changes))
  const hadLocalnet = removal.deleted.some(({ chain }) => chain === GUARD.chain)
  if (hadLocalnet && !keepsLocalnet && iptables.family === 4) closeLocalnet(netns)
}
