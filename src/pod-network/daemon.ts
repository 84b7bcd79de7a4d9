import { renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { watchChanges } from '#kernel/netlink/watch-changes.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Log } from '#log/log.ts'
import { makeFolder } from './cni/make-folder.ts'
import type { Backend, Carrier } from './flannel/backend.ts'
import { areSysctlsRight, createKernelView } from './flannel/kernel-view.ts'
import { FAMILIES } from './flannel/lease.ts'
import type { SubnetManager } from './flannel/leases/subnet-manager.ts'
import { type Reconciled, type ReconcileOptions, reconcile } from './flannel/reconcile.ts'
import { createSayings } from './flannel/sayings.ts'
import { renderSubnetEnv } from './flannel/subnet-env.ts'
import { createVXLAN, VXLAN_DEFAULTS } from './flannel/vxlan/plan-vxlan.ts'
import { type Firewall, noFirewall } from './masquerade/firewall.ts'
import { createNftMasquerade } from './masquerade/nft-masquerade.ts'
import { concerns, type OwnThings, ownThings } from './own-changes.ts'
import { createWakeUp, type WakeUp } from './wake-up.ts'

export interface PodNetworkDeps {
  readonly leases: SubnetManager
  /** All of the node's namespace. */
  readonly rtnetlink: Rtnetlink
  readonly nft: Nft
  /** Where sysctls are written and changes are heard of; the caller's own by default. */
  readonly netns?: Netns
  /** Ours in nftables by default, where `ipMasq`. */
  readonly firewall?: Firewall
  readonly log: Log
}

export interface PodNetworkOptions extends ReconcileOptions {
  /** vxlan by default. */
  readonly backend?: Backend
  /** Whether what leaves the pod network gets the node's address; by default it does. */
  readonly ipMasq?: boolean
  /** Absent: not written. */
  readonly subnetFile?: string
  /** Called when pods of this node can be connected, and again when its subnets are others: the node was registered anew. */
  readonly onReady?: (subnet: NodeSubnet) => void
}

export interface NodeSubnet {
  /** One for each family, IPv4 first. */
  readonly podCIDRs: readonly CIDR[]
  /** For the pods' interfaces: the tunnel's. */
  readonly mtuBytes: number
}

/** How often everything is compared though nothing was heard: for news that were lost. */
const RESYNC_MS = 30_000
/** How often that is looked at of which no news come. */
const SILENT_CHECK_MS = 1000
/** Between passes: one event seldom comes alone. Longer while somebody undoes what we do. */
const SHORTEST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
/** Of many peers a pass takes long: as much time goes to nothing but the rest of the node. */
const PAUSES_A_PASS = 4

/**
 * The pod network of one node, as flanneld: a backend's entries for each other node, the node's own lease, masquerading of what
 * leaves the pod network. Compares the kernel with the plan on each change of a lease or of the kernel, and every second what
 * nobody tells of, and repairs what differs. Returns when `signal` aborts, and leaves the network as it is: pods outlive their agents.
 */
export async function runPodNetwork(
  deps: PodNetworkDeps,
  options: PodNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { leases, log, rtnetlink, netns } = deps
  const wakeUp = createWakeUp(signal)
  const { backend = createVXLAN(VXLAN_DEFAULTS) } = options
  await using carrier = await backend.openCarrier?.(deps)
  const view = createKernelView(rtnetlink, netns)
  const kernel = { rtnetlink, view, ...(netns && { netns }) }
  const pass = createPass(deps, options, () => reconcile(backend, carrier, leases, kernel, options))
  let last: Reconciled | undefined
  let own: OwnThings | undefined
  using stack = new DisposableStack()
  stack.defer(
    leases.subscribe(() => {
      carrier?.hear?.(leases.peers())
      wakeUp.wake()
    }),
  )
  stack.use(
    watchChanges((change) => {
      if (own && !concerns(change, own)) return
      view.heard(change)
      wakeUp.wake()
    }, netns),
  )
  await Promise.race([leases.synced.catch(() => {}), wakeUp.aborted])
  let failure: string | undefined
  let pauseMs = SHORTEST_PAUSE_MS
  while (!signal.aborted) {
    let isDone = true
    const since = performance.now()
    try {
      last = await pass()
      const isChanged = (last?.changes.length ?? 0) > 0
      pauseMs = isChanged ? Math.min(pauseMs * 2, LONGEST_PAUSE_MS) : SHORTEST_PAUSE_MS
      own = last && ownThings(last, rtnetlink)
      // Of a device that is new the first news are not known for its.
      if (isChanged) wakeUp.wake()
      if (last?.failures[0]) throw last.failures[0]
      failure = undefined
    } catch (cause) {
      isDone = false
      view.forget()
      // Said once, not every second.
      if (failure !== String(cause)) log.error('Cannot set up the pod network', { cause })
      failure = String(cause)
    }
    const costMs = performance.now() - since
    const restMs = Math.min(Math.max(pauseMs, costMs * PAUSES_A_PASS), LONGEST_PAUSE_MS)
    await delay(restMs, undefined, { signal }).catch(() => {})
    if (!(await sleepUntilDue(wakeUp, isDone ? last : undefined, carrier, deps))) view.forget()
  }
}

/** Until an event: true; or until something that sends none is wrong, or everything is due; after a failure, for a second. */
async function sleepUntilDue(
  wakeUp: WakeUp,
  last: Reconciled | undefined,
  carrier: Carrier | undefined,
  { firewall, netns }: PodNetworkDeps,
): Promise<boolean> {
  const until = performance.now() + RESYNC_MS
  while (performance.now() < until) {
    if (await wakeUp.sleep(SILENT_CHECK_MS)) return true
    if (!last || firewall?.isRight?.() === false) return false
    if (!areSysctlsRight(last.plan, netns)) return false
    // What cannot be looked at is for the next pass to say.
    const isCarried = async () => (await carrier?.isRight?.()) ?? true
    if (!(await isCarried().catch(() => false))) return false
  }
  return false
}

function createPass(
  deps: PodNetworkDeps,
  options: PodNetworkOptions,
  run: () => ReturnType<typeof reconcile>,
): () => Promise<Reconciled | undefined> {
  const { leases, log, nft } = deps
  const { ipMasq = true } = options
  const firewall = deps.firewall ?? (ipMasq ? createNftMasquerade(nft) : noFirewall)
  const say = createSayings(log)
  let ready: NodeSubnet | undefined

  return async () => {
    const result = await run()
    if (!result) {
      say.waiting(`Waiting for a podCIDR of node ${options.nodeName}`)
      return undefined
    }
    const isRenewed = firewall.keep(result.node, result.peers)
    say.done(result, isRenewed)
    const subnet = nodeSubnetOf(result)
    const isNew = !isSameSubnet(ready, subnet)
    if (isNew) writeSubnetFile(options, result)
    await leases.publish(result.attributes)
    if (isNew) options.onReady?.(subnet)
    ready = subnet
    return result
  }
}

function nodeSubnetOf({ node, plan }: Reconciled): NodeSubnet {
  const podCIDRs = FAMILIES.flatMap((family) => node.subnets[family] ?? [])
  return { podCIDRs, mtuBytes: plan.mtuBytes }
}

function isSameSubnet(a: NodeSubnet | undefined, b: NodeSubnet): boolean {
  const text = ({ podCIDRs, mtuBytes }: NodeSubnet) =>
    `${podCIDRs.map(formatCIDR).join(' ')} ${mtuBytes}`
  return a !== undefined && text(a) === text(b)
}

function writeSubnetFile(
  { subnetFile, networks, ipMasq = true }: PodNetworkOptions,
  { node: { subnets }, plan: { mtuBytes } }: Reconciled,
): void {
  if (subnetFile === undefined) return
  makeFolder(dirname(subnetFile), 0o755)
  writeFileSync(`${subnetFile}.tmp`, renderSubnetEnv({ networks, subnets, mtuBytes, ipMasq }))
  renameSync(`${subnetFile}.tmp`, subnetFile)
}
