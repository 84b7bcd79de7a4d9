import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { backoffDelay, pause } from '#client/backoff.ts'
import type { Informer } from '#client/informer.ts'
import type { CIDR } from '#ip/cidr.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Log } from '#log/log.ts'
import {
  createServiceIndex,
  type ServiceIndex,
  type ServiceModel,
  type ServiceModelOptions,
} from '../model.ts'
import { createBell } from './bell.ts'
import { createConntrackCommand } from './conntrack-command.ts'
import { createFlowSweeper } from './flow-sweeper.ts'
import { createProxyTable, type ProxyTable } from './proxy-table.ts'
import type { ConntrackFlusher } from './udp-flows.ts'

export interface ProxyDeps {
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly nft: Nft
  readonly log: Log
  /** conntrack(8) in this process's own namespace by default. */
  readonly conntrack?: ConntrackFlusher
  /** Hears how each sync went. */
  readonly onState?: (state: ProxyState) => void
}

export interface ProxyOptions extends ServiceModelOptions {
  /** The whole cluster's. */
  readonly podCIDR: CIDR
  readonly serviceCIDR: CIDR
  /** The bridge that pods hang on. */
  readonly podDevice?: string
  /** How often to look whether somebody removed our table. */
  readonly checkIntervalMs?: number
}

/** `programmed`: the kernel holds what the API said last. */
export interface ProxyState {
  readonly programmed: boolean
  readonly error?: unknown
}

/** Between two syncs at least: a rollout of many pods becomes a few transactions. */
const MIN_SYNC_INTERVAL_MS = 30
const CHECK_INTERVAL_MS = 30_000
const RETRY = { baseMS: 250, capMS: 30_000 }

/**
 * Keeps our nftables table equal to the Services until `signal` aborts. The rules stay when it returns, so that traffic flows on while
 * the proxy is being replaced; conntrack keeps what flows over the first sync, too, which replaces the table in one transaction.
 */
export async function runProxy(
  deps: ProxyDeps,
  options: ProxyOptions,
  signal: AbortSignal,
): Promise<void> {
  const { services, slices, log } = deps
  const bell = createBell()
  const index = createServiceIndex(options)
  const unsubscribe = feed(index, { services, slices }, bell.ring)
  try {
    // Half a list would take away what other Services have.
    await Promise.all([services.synced, slices.synced])
  } catch (error) {
    unsubscribe()
    if (signal.aborted) return
    throw error
  }
  const { podDevice = 'cni0', checkIntervalMs = CHECK_INTERVAL_MS } = options
  const table = createProxyTable(deps.nft, { ...options, podDevice }, log)
  const flows = createFlowSweeper(
    deps.conntrack ?? createConntrackCommand(),
    options.serviceCIDR,
    log,
  )
  let failures = 0
  while (!signal.aborted) {
    bell.silence()
    if (syncOnce(table, index.model(), deps)) {
      failures = 0
      flows.sweep(index.model())
      await pause(MIN_SYNC_INTERVAL_MS, signal)
      const rang = await bell.wait(checkIntervalMs, signal)
      if (!rang && !signal.aborted) inspect(table, log)
    } else {
      failures++
      await pause(backoffDelay(failures, RETRY), signal)
    }
  }
  unsubscribe()
  await flows.idle()
}

function syncOnce(table: ProxyTable, model: ServiceModel, { log, onState }: ProxyDeps): boolean {
  for (const attempt of ['change', 'replace'] as const) {
    try {
      const outcome = table.sync(model)
      if (outcome === 'replaced') log.info('Replaced the nftables table', { services: model.size })
      onState?.({ programmed: true })
      return true
    } catch (cause) {
      const next = attempt === 'change' ? 'will replace the whole table' : 'will try again'
      log.error(`Cannot bring Services into the kernel: ${next}`, { cause })
      onState?.({ programmed: false, error: cause })
    }
  }
  return false
}

function inspect(table: ProxyTable, log: Log): void {
  if (table.isIntact()) return
  log.warn('Somebody changed the nftables table of the Services: will replace it')
  table.doubt()
}

function feed(
  index: ServiceIndex,
  { services, slices }: Pick<ProxyDeps, 'services' | 'slices'>,
  ring: () => void,
): () => void {
  const stops = [
    follow(services, ring, index.setService, index.deleteService),
    follow(slices, ring, index.setSlice, index.deleteSlice),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

function follow<T extends KubernetesObject>(
  informer: Informer<T>,
  ring: () => void,
  set: (object: T) => void,
  remove: (object: T) => void,
): () => void {
  return informer.subscribe(({ type, object, previous }) => {
    // A slice may come to be of another Service.
    if (previous) remove(previous)
    if (type === 'deleted') remove(object)
    else set(object)
    ring()
  })
}
