import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Log } from '#log/log.ts'
import type { Backend } from './flannel/backend.ts'
import { FAMILIES } from './flannel/lease.ts'
import type { SubnetManager } from './flannel/leases/subnet-manager.ts'
import { type Reconciled, type ReconcileOptions, reconcile } from './flannel/reconcile.ts'
import { renderSubnetEnv } from './flannel/subnet-env.ts'
import { createVXLAN, VXLAN_DEFAULTS } from './flannel/vxlan/plan-vxlan.ts'
import { createMasquerade } from './masquerade/keep-masquerade.ts'
import { createWakeUp } from './wake-up.ts'

export interface PodNetworkDeps {
  readonly leases: SubnetManager
  /** All of the node's namespace. */
  readonly rtnetlink: Rtnetlink
  readonly nft: Nft
  /** Where sysctls are written; the caller's own by default. */
  readonly netns?: Netns
  readonly log: Log
}

export interface PodNetworkOptions extends ReconcileOptions {
  /** vxlan by default. */
  readonly backend?: Backend
  /** Whether what leaves the pod network gets the node's address; by default it does. */
  readonly ipMasq?: boolean
  /** Absent: not written. */
  readonly subnetFile?: string
  /** How often the kernel is compared with the plan when nothing happened. */
  readonly resyncSeconds?: number
  /** Called when pods of this node can be connected, and again when its subnets are others: the node was registered anew. */
  readonly onReady?: (subnet: NodeSubnet) => void
}

export interface NodeSubnet {
  /** One for each family, IPv4 first. */
  readonly podCIDRs: readonly CIDR[]
  /** For the pods' interfaces: the tunnel's. */
  readonly mtuBytes: number
}

const DEFAULT_RESYNC_SECONDS = 3
const RETRY_SECONDS = 1

/**
 * The pod network of one node, as flanneld: a backend's entries for each other node, the node's own lease, masquerading of what
 * leaves the pod network. Compares the kernel with the plan on each change of a lease and every few seconds, and repairs what
 * differs. Returns when `signal` aborts, and leaves the network as it is: pods outlive their agents.
 */
export async function runPodNetwork(
  deps: PodNetworkDeps,
  options: PodNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { leases, log } = deps
  const wakeUp = createWakeUp(signal)
  const unsubscribe = leases.subscribe(wakeUp.wake)
  const pass = createPass(deps, options)
  try {
    await Promise.race([leases.synced.catch(() => {}), wakeUp.aborted])
    let failure: string | undefined
    while (!signal.aborted) {
      let seconds = options.resyncSeconds ?? DEFAULT_RESYNC_SECONDS
      try {
        await pass()
        failure = undefined
      } catch (cause) {
        seconds = Math.min(seconds, RETRY_SECONDS)
        // Said once, not every second.
        if (failure !== String(cause)) log.error('Cannot set up the pod network', { cause })
        failure = String(cause)
      }
      await wakeUp.sleep(seconds * 1000)
    }
  } finally {
    unsubscribe()
  }
}

function createPass(deps: PodNetworkDeps, options: PodNetworkOptions): () => Promise<void> {
  const { leases, log, nft } = deps
  const { backend = createVXLAN(VXLAN_DEFAULTS), ipMasq = true } = options
  const keepMasquerade = createMasquerade(nft)
  const say = createSayings(log)
  let ready: NodeSubnet | undefined

  return async () => {
    const result = await reconcile(backend, leases, deps, options)
    if (!result) return say.waiting(`Waiting for a podCIDR of node ${options.nodeName}`)
    const isRenewed = ipMasq && keepMasquerade(result.node, result.peers)
    say.done(result, isRenewed)
    const subnet = nodeSubnetOf(result)
    const isNew = !isSameSubnet(ready, subnet)
    if (isNew) writeSubnetFile(options, result)
    await leases.publish(result.attributes)
    if (isNew) options.onReady?.(subnet)
    ready = subnet
    if (result.failures[0]) throw result.failures[0]
  }
}

/** What is told of a pass: not the same twice in a row. */
function createSayings(log: Log) {
  let waiting = ''
  let refusals = new Set<string>()
  return {
    waiting(message: string): void {
      if (message !== waiting) log.info(message)
      waiting = message
    },
    done({ node, peers, plan, changes }: Reconciled, isRenewed: boolean): void {
      const now = new Set(plan.refused.map((it) => `Cannot reach pods of ${it.node}: ${it.why}`))
      for (const refusal of now) if (!refusals.has(refusal)) log.warn(refusal)
      refusals = now
      if (changes.length === 0 && !isRenewed) return
      const podCIDRs = FAMILIES.flatMap((family) => node.subnets[family] ?? []).map(formatCIDR)
      log.info('Pod network set', { podCIDRs, peers: peers.map(({ name }) => name), changes })
    },
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
  mkdirSync(dirname(subnetFile), { recursive: true })
  writeFileSync(`${subnetFile}.tmp`, renderSubnetEnv({ networks, subnets, mtuBytes, ipMasq }))
  renameSync(`${subnetFile}.tmp`, subnetFile)
}
