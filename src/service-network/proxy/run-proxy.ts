import type { Node, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { ServiceCIDR } from '#api/networking.ts'
import type { Informer } from '#client/informer.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import {
  createServiceIndex,
  opensLocalhost,
  type ServiceIndex,
  type ServiceModel,
  type ServiceModelOptions,
} from '../model.ts'
import { createBell } from './bell.ts'
import { createFlowSweeper } from './flow-sweeper.ts'
import { addressesOf, followNode } from './follow-node.ts'
import { followServiceCIDRs } from './follow-service-cidrs.ts'
import type { Mode, ModeDeps, ModeOptions, ProxyMode } from './mode.ts'
import { loadMode } from './modes.ts'
import { createConntrackFlusher } from './netlink-conntrack.ts'
import { createNodeServers, type SharedChecks } from './node-servers/node-servers.ts'
import type { ProxyObserver } from './proxy-observer.ts'
import { createIgnoredReporter } from './report-ignored.ts'
import { MAX_DRAIN_MS, retire } from './retire.ts'
import { runFamily } from './run-family.ts'
import type { ConntrackFlusher } from './udp-flows.ts'

export interface ProxyDeps {
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  /** Where the zone of this node is read; without it that of the options stays. */
  readonly nodes?: Informer<Node>
  /** The ranges of ClusterIPs; without it, those of the options. */
  readonly serviceCIDRs?: Informer<ServiceCIDR>
  readonly log: Log
  /** Where the rules go; this process's own namespace by default. */
  readonly netns?: Netns
  /** That of the namespace by default; another one in tests. */
  readonly openConntrack?: (family: Family) => ConntrackFlusher
  /** Hears how each sync went. */
  readonly onState?: (state: ProxyState) => void
  readonly observer?: ProxyObserver
  /** Another way to a mode, for tests. */
  readonly loadMode?: (name: ProxyMode) => Promise<Mode>
  /**
   * Aborts when another mode has taken over: then the rules go, too, and `runProxy` resolves when the connections have ended that pass
   * through them.
   */
  readonly retired?: AbortSignal
  /** Hears, once a family, that the rules of a retired mode are gone; its connections may still go on. */
  readonly onRetired?: () => void
  /** With the mode before this one, and with the one after it. */
  readonly sharedChecks?: SharedChecks
  /** Its event `damage` tells of what the proxy cannot see: the rules are looked at. */
  readonly damages?: EventTarget
}

/** What the node has of one IP family. */
export type FamilyOptions = Pick<ModeOptions, 'nodeIP' | 'podCIDR' | 'serviceCIDR'>

export interface ProxyOptions
  extends Omit<ServiceModelOptions, 'nodeIP'>,
    Pick<ModeOptions, 'localDetector' | 'masqueradeAll' | 'iptables' | 'ipvs'> {
  /** `nftables` by default. */
  readonly mode?: ProxyMode
  /** One, or one IPv4 and one IPv6: each has a model and rules of its own. */
  readonly families: readonly FamilyOptions[]
  /** The bridge that pods hang on: `cni0` by default. */
  readonly podDevice?: string
  /** How often to look whether somebody removed our rules. */
  readonly checkIntervalMs?: number
}

/** `programmed`: the kernel holds `model`, what the API said last. */
export interface ProxyState {
  readonly family: Family
  readonly programmed: boolean
  readonly model: ServiceModel
  readonly error?: unknown
}

const CHECK_INTERVAL_MS = 30_000

/**
 * Keeps the rules of one proxy mode equal to the Services until `signal` aborts. The rules stay when it returns, so that traffic flows on
 * while the proxy is being replaced; conntrack keeps what flows over the first sync, too, which replaces everything.
 *
 * @throws what made the mode unable to run in one family; the other has ended by then, too
 */
export async function runProxy(
  deps: ProxyDeps,
  options: ProxyOptions,
  signal: AbortSignal,
): Promise<void> {
  const mode = await (deps.loadMode ?? loadMode)(options.mode ?? 'nftables')
  const failure = new AbortController()
  const both = AbortSignal.any([signal, failure.signal])
  const ended = await Promise.allSettled(
    options.families.map(async (family) => {
      try {
        await proxyFamily(mode, deps, { ...options, ...family }, both)
      } catch (error) {
        failure.abort()
        throw error
      }
    }),
  )
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

async function proxyFamily(
  mode: Mode,
  deps: ProxyDeps,
  options: ProxyOptions & FamilyOptions,
  signal: AbortSignal,
): Promise<void> {
  const { log } = deps
  const { podDevice = 'cni0', checkIntervalMs = CHECK_INTERVAL_MS } = options
  const family = familyOf(options.nodeIP)
  const bell = createBell()
  const suspicion = createSuspicion(bell.ring)
  const index = createServiceIndex(options)
  using node = await followNode(index, deps, options, bell.ring)
  const unsubscribe = feed(index, deps, bell.ring)
  try {
    if (!(await areListed(deps, signal))) return
    const inNetns = deps.netns && { netns: deps.netns }
    deps.damages?.addEventListener('damage', suspicion.raise)
    const modeDeps: ModeDeps = { log, onTampering: suspicion.raise, ...inNetns }
    await using table = await mode.open(modeDeps, { ...options, podDevice })
    await using servers = createNodeServers({
      nodeIP: options.nodeIP,
      mode: mode.name,
      opensLocalhost: opensLocalhost(family, options.nodePortAddresses),
      log,
      ...inNetns,
      sharedChecks: deps.sharedChecks,
      ...(deps.observer && { observer: deps.observer }),
    })
    const conntrack = deps.openConntrack?.(family) ?? createConntrackFlusher(family, deps.netns)
    using ranges = followServiceCIDRs(deps.serviceCIDRs, options.serviceCIDR, (all) => {
      table.setServiceCIDRs?.(all)
      bell.ring()
    })
    const flows = createFlowSweeper(conntrack, {
      log,
      serviceCIDRs: ranges.current,
      nodeAddresses: () => addressesOf(deps.netns),
      ...(table.relaysOf && { relaysOf: table.relaysOf }),
      onSwept: (milliseconds, deleted) =>
        deps.observer?.flowsSwept?.(family, milliseconds, deleted),
    })
    const reportIgnored = createIgnoredReporter(log)
    const onState = (state: Omit<ProxyState, 'family'>) => {
      reportIgnored(state.model)
      const { model, programmed } = state
      // Whoever hears that the mode is there may take the one before it away, with its listeners.
      void servers
        .update(model, node.nodePortIPs(), programmed)
        .then(() => deps.onState?.({ family, ...state }))
    }
    const { refresh } = node
    const { take: isSuspicious } = suspicion
    await runFamily(
      { index, table, flows, bell, log, isSuspicious, refresh, onState },
      checkIntervalMs,
      signal,
    )
    if (!deps.retired?.aborted) return
    // The next mode listens where this one did, while this one's connections may end in many minutes.
    await servers.stop()
    const drain = AbortSignal.timeout(MAX_DRAIN_MS)
    await Promise.all([
      retire(table, conntrack, index.model(), { ...deps, drain }),
      servers.drain(drain),
    ])
  } finally {
    unsubscribe()
  }
}

/** That somebody touched the rules: raised by the mode, taken by the loop. */
function createSuspicion(ring: () => void) {
  let isRaised = false
  return {
    raise() {
      isRaised = true
      ring()
    },
    take() {
      const was = isRaised
      isRaised = false
      return was
    },
  }
}

/** Half a list would take away what other Services have. `false` where `signal` aborts first. */
async function areListed(
  { services, slices, nodes }: Pick<ProxyDeps, 'services' | 'slices' | 'nodes'>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await Promise.all([services.synced, slices.synced, nodes?.synced])
    return true
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
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
