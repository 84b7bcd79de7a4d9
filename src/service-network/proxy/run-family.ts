import { backoffDelay, pause } from '#client/backoff.ts'
import type { Log } from '#log/log.ts'
import type { ServiceIndex } from '../model.ts'
import type { Bell } from './bell.ts'
import type { FlowSweeper } from './flow-sweeper.ts'
import type { ModeTable } from './mode.ts'
import type { ProxyState } from './run-proxy.ts'

export interface FamilyDeps {
  readonly index: ServiceIndex
  readonly table: ModeTable
  readonly flows: FlowSweeper
  /** Rung when the index changed, or somebody touched the rules. */
  readonly bell: Bell
  readonly log: Log
  /** Whether somebody may have touched the rules since it was asked last. */
  readonly isSuspicious: () => boolean
  /** Looks at what nobody tells of: the node's addresses. */
  readonly refresh: () => Promise<void>
  readonly onState: (state: Omit<ProxyState, 'family'>) => void
}

/** Between two syncs at least: a rollout of many pods becomes a few transactions. */
const MIN_SYNC_INTERVAL_MS = 30
const RETRY = { baseMS: 250, capMS: 30_000 }

/** Keeps one family's rules equal to its index until `signal` aborts. */
export async function runFamily(
  deps: FamilyDeps,
  checkIntervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { index, table, flows, bell, log } = deps
  let failures = 0
  let checkAt = performance.now() + checkIntervalMs
  while (!signal.aborted) {
    bell.silence()
    const model = index.model()
    if (!(await syncOnce(deps))) {
      failures++
      await pause(backoffDelay(failures, RETRY), signal)
      continue
    }
    failures = 0
    flows.sweep(model)
    await pause(MIN_SYNC_INTERVAL_MS, signal)
    await bell.wait(Math.max(0, checkAt - performance.now()), signal)
    // Also where the bell never rests.
    if (signal.aborted || (performance.now() < checkAt && !deps.isSuspicious())) continue
    await deps.refresh()
    await inspect(table, log)
    checkAt = performance.now() + checkIntervalMs
  }
  await flows.idle()
}

async function syncOnce({ table, index, log, onState }: FamilyDeps): Promise<boolean> {
  const model = index.model()
  for (const attempt of ['change', 'replace'] as const) {
    try {
      const outcome = await table.sync(model)
      if (outcome === 'replaced') log.info('Replaced all rules', { services: model.size })
      onState({ programmed: true, model })
      return true
    } catch (cause) {
      const next = attempt === 'change' ? 'will replace all rules' : 'will try again'
      log.error(`Cannot bring Services into the kernel: ${next}`, { cause })
      onState({ programmed: false, model, error: cause })
    }
  }
  return false
}

async function inspect(table: ModeTable, log: Log): Promise<void> {
  if (await table.isIntact()) return
  log.warn('Somebody changed the rules of the Services: will replace them')
  table.doubt()
}
