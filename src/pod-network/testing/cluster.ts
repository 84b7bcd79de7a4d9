import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Node } from '#api/core.ts'
import type { API } from '#client/api.ts'
import type { Change, Informer } from '#client/informer.ts'
import { cidr } from '#ip/cidr.ts'
import { type IP, ip } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { type Log, silentLog } from '#log/log.ts'
import type { Lab } from '#testing/netns.ts'
import { planConflist } from '../cni/plan-conflist.ts'
import { createPluginHost } from '../cni/plugins/plugin.ts'
import { runPlugin } from '../cni/plugins/run-plugin.ts'
import { type NodeSubnet, runPodNetwork } from '../daemon.ts'
import type { Backend } from '../flannel/backend.ts'
import { createKubeSubnetManager } from '../flannel/leases/kube-subnet-manager.ts'
import { prepareNode } from './prepare-node.ts'

/** The nodes of an API server, as informer and as patched by the daemons: above the protocol, no HTTP. */
export function createNodes(initial: readonly Node[]) {
  const nodes = new Map(initial.map((node) => [node.metadata.name, node]))
  const listeners = new Set<(change: Change<Node>) => void>()
  const put = (node: Node) => {
    nodes.set(node.metadata.name, node)
    for (const listener of listeners) listener({ type: 'modified', object: node })
  }
  const informer: Informer<Node> = {
    synced: Promise.resolve(),
    list: () => [...nodes.values()],
    get: ({ name }) => nodes.get(name),
    select: () => [],
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const api = {
    async patch(_: unknown, { name }: { name: string }, type: string, patch: Node, sub?: string) {
      assert.deepEqual([type, sub], ['strategic', 'status'])
      const node = nodes.get(name)!
      const annotations = { ...node.metadata.annotations, ...patch.metadata.annotations }
      put({ ...node, metadata: { ...node.metadata, annotations }, status: { ...patch.status } })
      return nodes.get(name)
    },
  } as unknown as API
  const remove = (name: string) => {
    const object = nodes.get(name)!
    nodes.delete(name)
    for (const listener of listeners) listener({ type: 'deleted', object })
  }
  return { informer, api, put, remove, get: (name: string) => nodes.get(name)! }
}

export function nodeObject(n: number): Node {
  const podCIDR = `10.244.${n}.0/24`
  return { metadata: { name: `node${n}` }, spec: { podCIDR, podCIDRs: [podCIDR] } }
}

export interface LabClusterOptions {
  /** One for each node; vxlan by default. */
  readonly backend?: () => Backend
  readonly log?: Log
  /** The namespace of the switch, which may be a router too. */
  readonly lan?: Netns
  /** Called when the switch is there. */
  readonly prepare?: () => void
  /** Where the nodes' default route leads; by default they have none. */
  readonly gateway?: IP
}

/** Nodes on one wire, 172.30.0.11 and so on, each with a running daemon. */
export async function createCluster(lab: Lab, count: number, options: LabClusterOptions = {}) {
  const numbers = Array.from({ length: count }, (_, i) => i + 1)
  const nodes = createNodes(numbers.map(nodeObject))
  const { backend, log = silentLog, lan = lab.netns('lan'), gateway } = options
  lab.rtnetlink(lan).addLink({ kind: 'bridge', name: 'br0', up: true })
  options.prepare?.()
  const stack = new DisposableStack()
  const plug = (name: string, address: string) => {
    const netns = lab.netns(name)
    lab.connect({ netns: lan, device: name }, { netns, device: 'eth0', address })
    lab.rtnetlink(lan).setLink(name, { master: 'br0' })
    return netns
  }
  const addMember = (n: number, name: string, nodeIP: IP) => {
    const netns = plug(name, `${nodeIP}/24`)
    prepareNode(netns)
    if (gateway) lab.rtnetlink(netns).replaceRoute({ family: 4, gateway, device: 'eth0' })
    const host = stack.use(createPluginHost(netns))
    return { n, nodeIP, netns, host, rtnetlink: lab.rtnetlink(netns) }
  }
  const members = numbers.map((n) => addMember(n, `node${n}`, ip(`172.30.0.${10 + n}`)))
  const outside = plug('outside', '172.30.0.254/24')
  const start = (
    { n, nodeIP, netns, rtnetlink }: (typeof members)[number],
    startBackend = backend,
  ) => {
    const ready = Promise.withResolvers<NodeSubnet>()
    const stop = new AbortController()
    const nft = openNft(netns)
    const nodeName = `node${n}`
    const leases = createKubeSubnetManager({ nodes: nodes.informer, api: nodes.api }, { nodeName })
    const running = runPodNetwork(
      { leases, rtnetlink, nft, netns, log },
      {
        nodeName,
        nodeIPs: { 4: nodeIP },
        networks: { 4: cidr('10.244.0.0/16') },
        subnetFile: join(lab.folder, `subnet${n}.env`),
        onReady: (subnet) => {
          known.set(n, subnet)
          ready.resolve(subnet)
        },
        ...(startBackend && { backend: startBackend() }),
      },
      stop.signal,
    )
    const end = async () => {
      stop.abort()
      await running
      nft[Symbol.dispose]()
    }
    return { ready: ready.promise, end }
  }
  /** What each node's daemon said last. */
  const known = new Map<number, NodeSubnet>()
  const daemons = new Map(members.map((member) => [member.n, start(member)]))
  await Promise.all([...daemons.values()].map(({ ready }) => ready))
  const addPod = async (n: number, name: string) => {
    const netns = lab.netns(name)
    await daemons.get(n)!.ready
    const { podCIDRs, mtuBytes } = known.get(n)!
    const dataDir = join(lab.folder, `networks${n}`)
    const [bridge] = planConflist({ podCIDRs, mtuBytes, dataDir }).plugins
    const env = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: name,
      CNI_NETNS: netns.path,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/',
    }
    const stdin = Buffer.from(JSON.stringify({ cniVersion: '1.0.0', name: 'fairlead', ...bridge }))
    const outcome = await runPlugin({ type: 'bridge', env, stdin }, members[n - 1]!.host)
    assert.equal(outcome.exitCode, 0, outcome.stdout)
    return { netns, address: JSON.parse(outcome.stdout).ips[0].address.split('/')[0] as string }
  }
  return {
    nodes,
    lan,
    members,
    outside,
    addPod,
    subnetOf: (n: number) => daemons.get(n)!.ready,
    /** Ends a node's daemon; the node stays. */
    stopDaemon: (n: number) => daemons.get(n)!.end(),
    startDaemon(n: number) {
      daemons.set(n, start(members[n - 1]!))
      return daemons.get(n)!.ready
    },
    /** Takes a node off the network for good, and puts another machine of its name and another address in its place. */
    async replaceNode(n: number, nodeIP: IP, node: Node, replacement = backend) {
      await daemons.get(n)!.end()
      lab.rtnetlink(lan).deleteLink(`node${n}`)
      nodes.remove(`node${n}`)
      members[n - 1] = addMember(n, `node${n}-new`, nodeIP)
      nodes.put(node)
      daemons.set(n, start(members[n - 1]!, replacement))
      await daemons.get(n)!.ready
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...daemons.values()].map(({ end }) => end()))
      stack.dispose()
    },
  }
}
