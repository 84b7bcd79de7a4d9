import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Node } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Informer } from '#client/informer.ts'
import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Log } from '#log/log.ts'
import {
  decidePeer,
  hasAnnotations,
  planAnnotations,
  podCIDROf,
  publishedMAC,
} from './flannel/node-annotations.ts'
import { renderSubnetEnv } from './flannel/subnet-env.ts'
import { applyVXLAN } from './flannel/vxlan/apply-vxlan.ts'
import {
  DEFAULT_PORT,
  DEFAULT_VNI,
  deviceMAC,
  planVXLAN,
  tunnelMTU,
  type VXLANPeer,
} from './flannel/vxlan/plan-vxlan.ts'
import { createTableKeeper } from './masquerade/keep-table.ts'
import { MASQUERADE_TABLE, planMasquerade } from './masquerade/plan-masquerade.ts'
import { createWakeUp } from './wake-up.ts'

export interface PodNetworkDeps {
  readonly nodes: Informer<Node>
  readonly api: API
  /** Both of the node's namespace. */
  readonly rtnetlink: Rtnetlink
  readonly nft: Nft
  readonly log: Log
}

export interface PodNetworkOptions {
  readonly nodeName: string
  readonly nodeIP: IP
  /** The whole pod network. */
  readonly clusterCIDR: CIDR
  /** Absent: not written. */
  readonly subnetFile?: string
  readonly vni?: number
  readonly port?: number
  /** How often the kernel is compared with the plan when nothing happened. */
  readonly resyncSeconds?: number
  /** Called when pods of this node can be connected, and again when its subnet is another one: the node was registered anew. */
  readonly onReady?: (subnet: NodeSubnet) => void
}

export interface NodeSubnet {
  readonly podCIDR: CIDR
  /** For the pods' interfaces: the tunnel's. */
  readonly mtuBytes: number
}

const DEFAULT_RESYNC_SECONDS = 3
const RETRY_SECONDS = 1

/**
 * The pod network of one node, as flanneld's vxlan backend: a tunnel with an entry for each other node, the node's own entry in
 * the API, masquerading of what leaves the pod network. Compares the kernel with the plan on each change of a node and every few
 * seconds, and repairs what differs. Returns when `signal` aborts, and leaves the tunnel: pods outlive their agents.
 */
export async function runPodNetwork(
  deps: PodNetworkDeps,
  options: PodNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { nodes, log } = deps
  const wakeUp = createWakeUp(signal)
  const unsubscribe = nodes.subscribe(wakeUp.wake)
  const reconcile = createReconciler(deps, options)
  try {
    await Promise.race([nodes.synced.catch(() => {}), wakeUp.aborted])
    let failure: string | undefined
    while (!signal.aborted) {
      let seconds = options.resyncSeconds ?? DEFAULT_RESYNC_SECONDS
      try {
        await reconcile()
        failure = undefined
      } catch (cause) {
        seconds = RETRY_SECONDS
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

function createReconciler(deps: PodNetworkDeps, options: PodNetworkOptions): () => Promise<void> {
  const { nodes, rtnetlink, nft, log } = deps
  const { nodeName, nodeIP, clusterCIDR, vni = DEFAULT_VNI, port = DEFAULT_PORT } = options
  const keepMasquerade = createTableKeeper(nft, `ip ${MASQUERADE_TABLE}`)
  let ready: NodeSubnet | undefined
  let told = ''
  const tell = (message: string) => {
    if (message !== told) log.info(message)
    told = message
  }

  return async () => {
    const node = nodes.get({ name: nodeName })
    const podCIDR = node && podCIDROf(node)
    if (!node || !podCIDR) return tell(`Waiting for a podCIDR of node ${nodeName}`)
    const mac = publishedMAC(node, vni) ?? deviceMAC(nodeName, vni)
    const underlay = findUnderlay(rtnetlink, nodeIP)
    const peers = selectPeers(nodes.list(), nodeName, vni)
    const plan = planVXLAN({ podCIDR, nodeIP, underlay, mac, vni, port }, peers)
    const changes = applyVXLAN(plan, rtnetlink)
    const nodeIPs = [nodeIP, ...peers.map((peer) => peer.nodeIP)]
    const isRenewed = keepMasquerade(planMasquerade({ network: clusterCIDR, podCIDR, nodeIPs }))
    if (changes.length > 0 || isRenewed) {
      log.info('Pod network set', {
        podCIDR: formatCIDR(podCIDR),
        peers: peers.map((peer) => peer.nodeName),
        changes: changes.map((change) => change.do),
      })
    }
    const subnet = { podCIDR, mtuBytes: tunnelMTU(underlay.mtuBytes) }
    const isNew = ready?.mtuBytes !== subnet.mtuBytes || !isSameCIDR(ready.podCIDR, podCIDR)
    if (isNew) writeSubnetFile(options, subnet)
    await publish(deps, node, { nodeIP, mac, vni })
    if (isNew) options.onReady?.(subnet)
    ready = subnet
  }
}

function isSameCIDR(a: CIDR, b: CIDR): boolean {
  return a.address === b.address && a.prefixLength === b.prefixLength
}

function selectPeers(nodes: readonly Node[], nodeName: string, vni: number): readonly VXLANPeer[] {
  return nodes
    .filter(({ metadata }) => metadata.name !== nodeName)
    .flatMap((node) => {
      const decision = decidePeer(node, vni)
      return decision.kind === 'peer' ? [decision.peer] : []
    })
}

/** The device that the node's own address is on. */
function findUnderlay(rtnetlink: Rtnetlink, nodeIP: IP) {
  const address = rtnetlink.addresses().find(({ address }) => address.address === nodeIP)
  const link = address && rtnetlink.link(address.device)
  if (!link) throw new Error(`Cannot find the device of node address ${nodeIP}: no link has it`)
  return { device: link.name, mtuBytes: link.mtuBytes }
}

/** Tells the other nodes, and that the network works here, as flannel does: in one patch of the node's status. */
async function publish(
  { api }: PodNetworkDeps,
  node: Node,
  lease: Parameters<typeof planAnnotations>[0],
): Promise<void> {
  const annotations = planAnnotations(lease)
  const condition = node.status?.conditions?.find(({ type }) => type === 'NetworkUnavailable')
  if (hasAnnotations(node, annotations) && condition?.status === 'False') return
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
  const available = {
    type: 'NetworkUnavailable',
    status: 'False',
    reason: 'FlannelIsUp',
    message: 'Flannel is running on this node',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  }
  const patch = { metadata: { annotations }, status: { conditions: [available] } }
  await api.patch(resources.nodes, { name: node.metadata.name }, 'strategic', patch, 'status')
}

function writeSubnetFile(
  { subnetFile, clusterCIDR }: PodNetworkOptions,
  { podCIDR, mtuBytes }: NodeSubnet,
): void {
  if (subnetFile === undefined) return
  const content = { network: clusterCIDR, subnet: podCIDR, mtuBytes, ipMasq: true }
  mkdirSync(dirname(subnetFile), { recursive: true })
  writeFileSync(`${subnetFile}.tmp`, renderSubnetEnv(content))
  renameSync(`${subnetFile}.tmp`, subnetFile)
}
