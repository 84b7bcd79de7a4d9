import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { Informer } from '#client/informer.ts'
import type { Log } from '#log/log.ts'
import type { Clock } from '../probes/prober.ts'
import {
  type NetworkState,
  type NodeIdentity,
  nodeConditions,
  nodeFacts,
  nodeLabels,
} from './node-object.ts'

export interface NodeStatusDeps {
  readonly api: API
  readonly nodes: Informer<Node>
  readonly clock: Clock
  readonly log: Log
  /** Resolves when pods can be given a network. */
  readonly networkReady: Promise<void>
}

// As the kubelet: the lease is the heartbeat, the status is repeated each 5 minutes even if nothing changes.
const LEASE_MS = 10_000
const LEASE_SECONDS = 40
const STATUS_MS = 300_000
const RETRY_MS = 1000
/** How long an agent that took over a Ready node leaves it Ready before its network is found. */
const TAKE_OVER_MS = 30_000

/** Registers the node, again when somebody deletes it, and keeps its lease and its conditions. Returns when aborted. */
export async function runNodeStatus(
  deps: NodeStatusDeps,
  identity: NodeIdentity,
  signal: AbortSignal,
): Promise<void> {
  let network: NetworkState = 'unknown'
  let wake = new AbortController()
  const found = (state: NetworkState) => {
    network = state
    wake.abort()
  }
  deps.networkReady.then(
    () => found('ready'),
    (cause: unknown) => {
      deps.log.error('Cannot make the node ready: its pod network is not', { cause })
      found('not ready')
    },
  )
  const unsubscribe = deps.nodes.subscribe(({ type, object }) => {
    if (type === 'deleted' && object.metadata.name === identity.nodeName) wake.abort()
  })
  const doubt = async () => {
    await deps.clock.sleep(TAKE_OVER_MS, signal)
    if (network === 'unknown' && !signal.aborted) found('not ready')
  }
  await Promise.all([
    doubt(),
    repeat(
      deps,
      LEASE_MS,
      () => signal,
      signal,
      () => renewLease(deps, identity.nodeName),
    ),
    repeat(
      deps,
      STATUS_MS,
      () => {
        wake = new AbortController()
        return AbortSignal.any([wake.signal, signal])
      },
      signal,
      () => writeStatus(deps, identity, network),
    ),
  ])
  unsubscribe()
}

/** Calls `act` at once and then each period, soon again after a failure. `nap` gives what may cut a pause short. */
async function repeat(
  { clock, log }: NodeStatusDeps,
  periodMs: number,
  nap: () => AbortSignal,
  signal: AbortSignal,
  act: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const pause = nap() // taken before acting, so that what happens meanwhile counts
    try {
      await act()
      await clock.sleep(periodMs, pause)
    } catch (cause) {
      if (signal.aborted) return
      log.warn('Cannot report the node: tried again soon', { cause })
      await clock.sleep(RETRY_MS, signal)
    }
  }
}

async function writeStatus(
  { api, clock }: NodeStatusDeps,
  identity: NodeIdentity,
  network: NetworkState,
) {
  const node = await register(api, identity)
  const conditions = nodeConditions(network, node.status?.conditions ?? [], new Date(clock.now()))
  const status = { ...nodeFacts(identity), conditions }
  await api.patch(resources.nodes, { name: identity.nodeName }, 'merge', { status }, 'status')
}

/** The Node as it is, made or given its labels where needed. Others may add labels: only ours are written. */
async function register(api: API, identity: NodeIdentity): Promise<Node> {
  const name = identity.nodeName
  const labels = nodeLabels(identity)
  const node = await api.get(resources.nodes, { name })
  if (!node) {
    try {
      return await api.create(resources.nodes, { metadata: { name, labels }, spec: {} })
    } catch (error) {
      if (!(error instanceof APIStatusError && error.code === 409)) throw error
      return await register(api, identity)
    }
  }
  const held = node.metadata.labels ?? {}
  if (Object.entries(labels).every(([key, value]) => held[key] === value)) return node
  return await api.patch(resources.nodes, { name }, 'merge', { metadata: { labels } })
}

async function renewLease({ api, clock }: NodeStatusDeps, nodeName: string): Promise<void> {
  const key = { namespace: 'kube-node-lease', name: nodeName }
  const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z') // MicroTime
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: LEASE_SECONDS, renewTime }
  try {
    await api.patch(resources.leases, key, 'merge', { spec })
  } catch (error) {
    if (!(error instanceof APIStatusError && error.code === 404)) throw error
    const { uid } = (await api.get(resources.nodes, { name: nodeName }))?.metadata ?? {}
    const owner = uid && [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }]
    await api.create(resources.leases, {
      metadata: { ...key, ...(owner ? { ownerReferences: owner } : {}) },
      spec,
    })
  }
}
