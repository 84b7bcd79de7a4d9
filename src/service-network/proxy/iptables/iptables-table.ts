import type { Accounts } from '#kernel/accounts/accounts.ts'
import type { AsyncIptables } from '#kernel/iptables/async-iptables.ts'
import { parseSave, type SavedTables } from '#kernel/iptables/parse-save.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import type { ModeDeps, ModeTable, SyncOutcome } from '../mode.ts'
import { countRules } from './count-rules.ts'
import { diffPlans, everyChain, type IptablesChanges, isEmpty } from './diff-plans.ts'
import type { IptablesPlan, Settings } from './iptables-plan.ts'
import { CANARY, CANARY_TABLES, INVALID_COUNTER, LOCALHOST_COUNTER } from './plan-base.ts'
import { planProxy } from './plan-proxy.ts'
import { renderChanges } from './render.ts'
import { isAsPlanned, planFullSync, planRemoval } from './saved-rules.ts'
import type { RuleWatcher } from './watch-rules.ts'

/** k/k pkg/proxy/util: FullSyncPeriod. */
const FULL_SYNC_MS = 60 * 60 * 1000
const ROUTE_LOCALNET = 'net.ipv4.conf.all.route_localnet'

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
    if (settings.localhostNodePorts) localnetBefore ??= openLocalnet(deps)
    await restore(planFullSync(plan, await readAll(iptables)))
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
    async remove() {
      applied = undefined
      watcher?.[Symbol.dispose]()
      await removeRules(deps)
      if (localnetBefore) writeSysctl(ROUTE_LOCALNET, localnetBefore, deps.netns)
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

/** nodePorts at 127.0.0.1 need it. Returns what it was. */
function openLocalnet({ netns, log }: TableDeps): string | undefined {
  try {
    const before = readSysctl(ROUTE_LOCALNET, netns)
    if (before !== '1') writeSysctl(ROUTE_LOCALNET, 1, netns)
    return before
  } catch (cause) {
    log.warn('Cannot open nodePorts at 127.0.0.1', { cause })
    return
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

/**
 * Takes away every chain that is ours, and what leads there. With the rule against its abuse, route_localnet goes too (CVE-2020-8558).
 */
export async function removeRules({ iptables, netns }: Omit<TableDeps, 'log'>): Promise<void> {
  const removal = planRemoval(await readAll(iptables))
  const changes = { written: [], jumps: [], ...removal }
  if (isEmpty(changes)) return
  await iptables.restore(renderChanges(changes))
  const hadLocalnet = removal.deleted.some(({ chain }) => chain === 'KUBE-FIREWALL')
  if (hadLocalnet && iptables.family === 4) writeSysctl(ROUTE_LOCALNET, 0, netns)
}
