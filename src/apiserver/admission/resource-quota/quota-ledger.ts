import { setTimeout as sleep } from 'node:timers/promises'
import type { ResourceQuota } from '#api/limits.ts'
import {
  type Amounts,
  add,
  formatAmounts,
  isEqual,
  parseAmounts,
  pick,
  subtract,
} from '#api/quota/amounts.ts'
import { type Demand, planCharge, type Shares, type Verdict } from '#api/quota/charge.ts'
import { resourceQuotas } from '#api/resources.ts'
import { conflict, forbidden } from '#api/status.ts'
import type { StoredObjects } from '../admission.ts'

export interface Charge extends Demand {
  /** Asks only. */
  readonly dryRun: boolean
}

/** What is used of the quotas of one namespace, written with compare-and-set into their status. */
export interface QuotaLedger {
  /** What was taken of each quota. @throws StatusError where one has not enough left */
  charge(charge: Charge): Promise<Shares>
  /** Gives back; what a quota says that was made anew meanwhile stays as it is. */
  release(shares: Shares): Promise<void>
}

type Entry =
  | { readonly charge: Charge; readonly done: PromiseWithResolvers<Shares> }
  | { readonly shares: Shares; readonly done: PromiseWithResolvers<void> }

type ChargeEntry = Extract<Entry, { readonly charge: Charge }>

/** Each round somebody gets through; so many lost in a row, and this is no race any more. */
const MAX_ROUNDS = 200
/** How many rounds are tried at once, and the longest wait before a later one. */
const EAGER_ROUNDS = 3
const MAX_WAIT_MS = 20

/** @param read The quotas of the namespace as they are stored now. */
export function createQuotaLedger(
  objects: Pick<StoredObjects, 'update'>,
  read: () => Promise<readonly ResourceQuota[]>,
  now: () => number = Date.now,
): QuotaLedger {
  let waiting: Entry[] = []
  let working = false

  /** All that came while the last write was under way goes into one. */
  async function work(): Promise<void> {
    if (working) return
    working = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      await settleBatch(batch).catch((error: unknown) => {
        for (const { done } of batch) done.reject(error)
      })
    }
    working = false
  }

  async function settleBatch(batch: readonly Entry[]): Promise<void> {
    const charges = batch.filter((entry) => 'charge' in entry)
    const freed = sumOf(batch.flatMap((entry) => ('shares' in entry ? [entry.shares] : [])))
    /** What rounds before have written, which must not be taken twice. */
    const written = new Map<string, Amounts>()
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (round >= EAGER_ROUNDS) await sleep(Math.random() * Math.min(round, MAX_WAIT_MS))
      const quotas = await read()
      const plan = planRound(charges, quotas, { freed, written }, now())
      let complete = true
      for (const quota of quotas) {
        const uid = uidOf(quota)
        if (await write(quota, plan.used.get(uid) ?? {})) {
          written.set(uid, plan.taken.get(uid) ?? {})
          freed.delete(uid)
        } else complete = false
      }
      if (!complete) continue
      charges.forEach((entry, index) => answer(entry, plan.verdicts[index]!))
      for (const entry of batch) if ('shares' in entry) entry.done.resolve()
      return
    }
    throw conflict(resourceQuotas, '')
  }

  /** Whether the quota's status now says so. */
  async function write(quota: ResourceQuota, next: Amounts): Promise<boolean> {
    const { status = {} } = quota
    const used = pick(next, Object.keys(status.hard ?? {}))
    if (isEqual(used, parseAmounts(status.used))) return true
    const changed = { ...quota, status: { ...status, used: formatAmounts(used) } }
    return await objects.update(resourceQuotas, changed)
  }

  return {
    charge(charge) {
      const done = Promise.withResolvers<Shares>()
      waiting.push({ charge, done })
      void work()
      return done.promise
    },
    async release(shares) {
      if (shares.size === 0) return
      const done = Promise.withResolvers<void>()
      waiting.push({ shares, done })
      void work()
      await done.promise
    },
  }
}

const uidOf = ({ metadata }: ResourceQuota) => metadata.uid ?? ''

interface Progress {
  readonly freed: ReadonlyMap<string, Amounts>
  readonly written: ReadonlyMap<string, Amounts>
}

/** Who may take what, in their order, and what each quota's use becomes. */
function planRound(
  charges: readonly ChargeEntry[],
  quotas: readonly ResourceQuota[],
  { freed, written }: Progress,
  now: number,
) {
  const used = new Map<string, Amounts>()
  for (const quota of quotas) {
    const uid = uidOf(quota)
    const others = subtract(parseAmounts(quota.status?.used), written.get(uid) ?? {})
    used.set(uid, subtract(others, freed.get(uid) ?? {}))
  }
  const taken = new Map<string, Amounts>()
  const verdicts = charges.map(({ charge }) => {
    const verdict = planCharge(charge, quotas, used, now)
    if (verdict.shares && !charge.dryRun) {
      for (const [uid, share] of verdict.shares) {
        used.set(uid, add(used.get(uid) ?? {}, share))
        taken.set(uid, add(taken.get(uid) ?? {}, share))
      }
    }
    return verdict
  })
  return { verdicts, used, taken }
}

function answer({ charge, done }: ChargeEntry, verdict: Verdict): void {
  const { resource, object, dryRun } = charge
  if (verdict.shares) done.resolve(dryRun ? new Map() : verdict.shares)
  else done.reject(forbidden(resource, object.metadata.name, verdict.refusal))
}

function sumOf(all: readonly Shares[]): Map<string, Amounts> {
  const total = new Map<string, Amounts>()
  for (const shares of all)
    for (const [uid, share] of shares) total.set(uid, add(total.get(uid) ?? {}, share))
  return total
}
