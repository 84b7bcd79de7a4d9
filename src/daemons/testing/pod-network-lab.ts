import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Node } from '#api/core.ts'
import { type AddressPlan, planAddresses } from '#cluster/address-plan.ts'
import { type ClusterOptions, completeOptions } from '#cluster/options.ts'
import { formatCIDR, parseInterfaceAddress } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import { deleteNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { silentLog } from '#log/log.ts'
import { applyUnderlay } from '#node-network/underlay/apply-underlay.ts'
import { planUnderlay } from '#node-network/underlay/plan-underlay.ts'
import { planConflist } from '#pod-network/cni/plan-conflist.ts'
import { createPluginHost } from '#pod-network/cni/plugins/plugin.ts'
import { runPlugin } from '#pod-network/cni/plugins/run-plugin.ts'
import { type NodeSubnet, runPodNetwork } from '#pod-network/daemon.ts'
import type { Backend } from '#pod-network/flannel/backend.ts'
import { createKubeSubnetManager } from '#pod-network/flannel/leases/kube-subnet-manager.ts'
import { planNodeSubnets } from '#pod-network/ipam/node-subnets/plan-node-subnets.ts'
import { masqueradeTable } from '#pod-network/masquerade/plan-masquerade.ts'
import { createNodes } from '#pod-network/testing/cluster.ts'
import type { Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createEnd, type End } from './reach.ts'

export interface PodNetworkLabOptions extends Pick<ClusterOptions, 'underlay' | 'ipFamily'> {
  /** For all nodes, or what makes one for each, once what joins the nodes stands. */
  readonly backend: Backend | ((network: LabNetwork) => Promise<(nodeName: string) => Backend>)
  readonly nodes: number
}

/** What a backend may need that is not on the nodes. */
export interface LabNetwork {
  readonly plan: AddressPlan
  readonly netnsOf: (host: string) => Netns
  readonly rtnetlink: Lab['rtnetlink']
  /** Where each node's pods are. */
  readonly nodes: readonly Node[]
  /** Ends with the lab. */
  readonly stack: AsyncDisposableStack
}

export interface HostPort {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: 'udp' | 'tcp'
}

/**
 * Layers 1 and 2 as `up` makes them, without an API server: the underlay, node subnets as the controller gives them, a pod network
 * daemon on each node, pods by CNI.
 */
export async function createPodNetworkLab(lab: Lab, options: PodNetworkLabOptions) {
  await using stack = new AsyncDisposableStack()
  const { nodes: count, ipFamily, underlay: kind } = options
  const plan = planAddresses(completeOptions({ nodes: count, ipFamily, underlay: kind }))
  const underlay = planUnderlay(plan)
  stack.defer(() => {
    for (const { name } of underlay.namespaces) deleteNetns(join(lab.folder, name))
  })
  applyUnderlay(underlay, { netnsDir: lab.folder })
  const netnsOf = (name: string) => stack.use(openNetns(join(lab.folder, name)))
  const assigned = assignSubnets(plan)
  const nodes = createNodes(assigned)
  const network = { plan, netnsOf, rtnetlink: lab.rtnetlink, nodes: assigned, stack }
  const { backend } = options
  const backendOf = typeof backend === 'function' ? await backend(network) : () => backend
  const warnings: string[] = []
  const log = { ...silentLog, warn: (message: string) => void warnings.push(message) }
  const sockets = stack.use(new DisposableStack())
  const stop = new AbortController()
  const members = await Promise.all(
    plan.nodes.map(async ({ name, ips }) => {
      const netns = netnsOf(name)
      const host = stack.use(createPluginHost(netns))
      const nft = stack.use(openNft(netns))
      const ready = Promise.withResolvers<NodeSubnet>()
      const leases = createKubeSubnetManager(
        { nodes: nodes.informer, api: nodes.api },
        { nodeName: name },
      )
      const deps = { leases, rtnetlink: lab.rtnetlink(netns), nft, netns, log }
      const running = runPodNetwork(
        deps,
        {
          nodeName: name,
          nodeIPs: byFamily(ips, (ip) => ip),
          networks: byFamily(plan.podCIDRs, ({ address }) => address),
          backend: backendOf(name),
          onReady: ready.resolve,
        },
        stop.signal,
      )
      stack.defer(async () => {
        stop.abort()
        await running
      })
      return { name, ips, netns, nft, host, subnet: await ready.promise }
    }),
  )

  // What is sent before a node knows the others is masqueraded, and that flow stays so.
  await Promise.all(
    members.flatMap(({ name, nft }) =>
      plan.families.map((family) =>
        waitFor(() => knows(nft, family, ipsOf(plan, family)), {
          what: `${name} to know all nodes`,
        }),
      ),
    ),
  )

  /** A pod: by the same plugin and configuration as `up`'s. */
  async function addPod(nodeName: string, name: string, hostPorts: readonly HostPort[] = []) {
    const { host, subnet } = members.find((member) => member.name === nodeName)!
    const netns = lab.netns(name)
    const dataDir = join(lab.folder, `networks-${nodeName}`)
    const [plugin] = planConflist({ ...subnet, dataDir }).plugins
    const outcome = await runPlugin(
      {
        type: 'fairlead',
        env: {
          CNI_COMMAND: 'ADD',
          CNI_CONTAINERID: name,
          CNI_NETNS: netns.path,
          CNI_IFNAME: 'eth0',
          CNI_PATH: '/',
        },
        stdin: Buffer.from(
          JSON.stringify({
            cniVersion: '1.0.0',
            name: 'fairlead',
            ...plugin,
            runtimeConfig: { portMappings: hostPorts },
          }),
        ),
      },
      host,
    )
    assert.equal(outcome.exitCode, 0, outcome.stdout)
    const result = JSON.parse(outcome.stdout) as { readonly ips: readonly { address: string }[] }
    const ips = result.ips.map(({ address }) => parseInterfaceAddress(address)!.address)
    return { name, node: nodeName, netns, ips }
  }

  /** Sockets of every address. Nodes ask from whatever address the kernel takes, as their programs do. */
  async function open(
    host: { readonly name: string; readonly netns: Parameters<typeof createEnd>[0]['netns'] },
    ips: readonly IP[],
    unbound = false,
  ): Promise<readonly End[]> {
    const { name, netns } = host
    const ends = await Promise.all(
      ips.map((address) => createEnd({ name, netns, address, unbound })),
    )
    for (const end of ends) sockets.use(end)
    return ends
  }

  const outside = { name: 'outside', netns: netnsOf('outside') }
  const moved = stack.move()
  return {
    plan,
    nodes: nodes.informer,
    members,
    outside,
    warnings,
    addPod,
    open,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  }
}

function knows(nft: Nft, family: Family, ips: readonly IP[]): boolean {
  const listed = nft.read(`list table ${masqueradeTable(family)}`)
  return ips.every((ip) => new RegExp(`[ {]${ip}[ ,]`).test(listed))
}

function ipsOf({ nodes }: ReturnType<typeof planAddresses>, family: Family): readonly IP[] {
  return nodes.flatMap(({ ips }) => ips).filter((ip) => familyOf(ip) === family)
}

function assignSubnets(plan: ReturnType<typeof planAddresses>) {
  const bare = plan.nodes.map(({ name }) => ({ metadata: { name } }))
  const ranges = plan.podCIDRs.map((clusterCIDR) => ({
    clusterCIDR,
    nodeMask: plan.nodeMasks[familyOf(clusterCIDR.address)],
  }))
  const { assign } = planNodeSubnets(bare, { ranges, reserved: plan.serviceCIDRs })
  return [...assign].map(([name, subnets]) => {
    const podCIDRs = subnets.map(formatCIDR)
    return { metadata: { name }, spec: { podCIDR: podCIDRs[0]!, podCIDRs } }
  })
}

function byFamily<T>(values: readonly T[], addressOf: (value: T) => IP): { [K in Family]?: T } {
  return Object.fromEntries(values.map((value) => [familyOf(addressOf(value)), value]))
}
