import type { Log } from '#log/log.ts'
import type { ServiceModel } from '../model.ts'
import type { ModeTable } from './mode.ts'
import type { ConntrackFlusher } from './udp-flows.ts'

/** How long connections may go on that pass through a mode that was left: as long as kube-proxy lets destinations drain. */
const MAX_DRAIN_MS = 15 * 60_000

interface RetireDeps {
  readonly log: Log
  readonly onRetired?: () => void
}

/** Takes a mode's rules away after another has taken over, and waits until nothing passes through it. */
export async function retire(
  table: ModeTable,
  conntrack: ConntrackFlusher,
  model: ServiceModel,
  { log, onRetired }: RetireDeps,
): Promise<void> {
  const gone = Promise.withResolvers<void>()
  const removing = table.remove(AbortSignal.timeout(MAX_DRAIN_MS), gone.resolve)
  await Promise.race([gone.promise, removing])
  await forgetUDPFlows(conntrack, model).catch((error: unknown) =>
    log.warn('Cannot forget UDP flows of the proxy mode that was left', { error }),
  )
  onRetired?.()
  await removing
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
