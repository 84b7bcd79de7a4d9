import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '#log/log.ts'
import type { ServiceModel } from '../model.ts'
import type { ModeTable } from './mode.ts'
import type { ConntrackFlusher } from './udp-flows.ts'

/** How long connections may go on that pass through a mode that was left: as long as kube-proxy lets destinations drain. */
export const MAX_DRAIN_MS = 15 * 60_000

const TRIES = 10
const RETRY_MS = 500

interface RetireDeps {
  readonly log: Log
  readonly onRetired?: () => void
  /** Aborts when connections may go on no longer. */
  readonly drain: AbortSignal
  readonly retryMs?: number
  readonly tries?: number
}

/** Takes a mode's rules away after another has taken over, and waits until nothing passes through it. */
export async function retire(
  table: ModeTable,
  conntrack: ConntrackFlusher,
  model: ServiceModel,
  { log, onRetired, drain, ...retry }: RetireDeps,
): Promise<void> {
  const gone = Promise.withResolvers<void>()
  const removing = persistently({ log, ...retry }, () => table.remove(drain, gone.resolve))
  await Promise.race([gone.promise, removing])
  await forgetUDPFlows(conntrack, model).catch((error: unknown) =>
    log.warn('Cannot forget UDP flows of the proxy mode that was left', { error }),
  )
  onRetired?.()
  await removing
}

/** Other modes change the same tables meanwhile: a rule that was read a moment ago may be gone, and the kernel refuses all changes. */
export async function persistently(
  { log, retryMs = RETRY_MS, tries = TRIES }: Pick<RetireDeps, 'log' | 'retryMs' | 'tries'>,
  remove: () => Promise<void>,
): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      return await remove()
    } catch (cause) {
      if (left === 1) throw cause
      log.warn('Cannot take the rules of the proxy mode away that was left: trying again', {
        cause,
      })
      await pause(retryMs)
    }
  }
}

/** UDP knows no end: a client that keeps its port would go on by what the old mode made of its flow. */
async function forgetUDPFlows(conntrack: ConntrackFlusher, model: ServiceModel): Promise<void> {
  const keyOf = ({ ip, port }: { readonly ip: string; readonly port: number }) => `${ip} ${port}`
  const frontends = new Set(
    [...model.values()]
      .flatMap(({ ports }) => ports)
      .filter(({ protocol }) => protocol === 'udp')
      .flatMap((port) => port.frontends.map(keyOf)),
  )
  if (frontends.size === 0) return
  const flows = await conntrack.udpFlows()
  await conntrack.deleteUDPFlows(flows.filter(({ frontend }) => frontends.has(keyOf(frontend))))
}
