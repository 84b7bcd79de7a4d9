import { formatCIDR } from '#ip/cidr.ts'
import type { Log } from '#log/log.ts'
import type { Claim } from './claims.ts'
import { ensureDefaultServiceCIDR } from './default-service-cidr.ts'
import { recordWarning } from './repair/record-event.ts'
import { type RepairOptions, repairClaims, repairOwnerOf } from './repair/repair.ts'
import { DEFAULT_NAME } from './service-ranges.ts'
import type { StoredObjects } from './stored-objects.ts'

/** As upstream's: of the default ServiceCIDR, and of claims. */
const DEFAULT_INTERVAL_MS = 10_000
const REPAIR_INTERVAL_MS = 180_000
/** How long a Service may outlive its claim while it is being deleted. */
const LOST_DELAY_MS = 1000

/** Makes the ServiceCIDR `kubernetes`; every 10 s again until the result is disposed. */
export async function keepDefaultServiceCIDR(
  stored: StoredObjects,
  networks: readonly Parameters<typeof formatCIDR>[0][],
  log: Log,
): Promise<Disposable> {
  const cidrs = networks.map(formatCIDR)
  let isReported = false
  const ensure = async () => {
    const mismatch = await ensureDefaultServiceCIDR(stored, cidrs)
    if (!mismatch || isReported) return
    isReported = true
    log.warn(mismatch.message)
    const reason = 'KubernetesDefaultServiceCIDRInconsistent'
    const component = 'kubernetes-service-cidr-controller'
    await recordWarning(stored, component, { ...mismatch, reason, action: '' })
  }
  await ensure()
  return every(DEFAULT_INTERVAL_MS, () =>
    ensure().catch((cause) =>
      log.error(`Cannot keep the ServiceCIDR ${DEFAULT_NAME}: the next turn tries again`, {
        cause,
      }),
    ),
  )
}

/** Repairs the claims now and every 3 minutes. */
export async function keepClaims(options: RepairOptions, log: Log): Promise<ClaimUpkeep> {
  const repair = () => repairClaims(options)
  await repair()
  const timer = every(REPAIR_INTERVAL_MS, () => repair().catch(explain(log)))
  const waiting = new Set<NodeJS.Timeout>()
  return {
    lost(claim) {
      const timeout = setTimeout(() => {
        waiting.delete(timeout)
        repairOwnerOf(claim, options).catch(explain(log))
      }, LOST_DELAY_MS)
      timeout.unref()
      waiting.add(timeout)
    },
    [Symbol.dispose]() {
      timer[Symbol.dispose]()
      for (const timeout of waiting) clearTimeout(timeout)
    },
  }
}

export interface ClaimUpkeep extends Disposable {
  /** Looks after the Service whose IPAddress is gone. */
  lost(claim: Claim): void
}

const explain = (log: Log) => (cause: unknown) =>
  log.error('Cannot repair the claims of addresses and node ports: the next turn tries again', {
    cause,
  })

function every(milliseconds: number, action: () => Promise<void>): Disposable {
  const timer = setInterval(() => void action(), milliseconds)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
