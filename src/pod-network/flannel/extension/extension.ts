import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import {
  type Backend,
  type Carrier,
  type CarrierHost,
  NO_PLAN,
  type NodePlan,
  type OwnNode,
} from '../backend.ts'
import { FAMILIES, type Lease, mapFamilies, type PerFamily } from '../lease.ts'
import { type Command, runCommandLine } from './run-command-line.ts'

/** Commands of the administrator, each absent where it is not given. */
export interface ExtensionOptions {
  /** Before the node has a subnet; what it prints is told to the others. */
  readonly preStartup?: Command | undefined
  /** When the node has one. */
  readonly postStartup?: Command | undefined
  /** For each other node that comes, with what that node's own first command printed as its input. */
  readonly subnetAdd?: Command | undefined
  readonly subnetRemove?: Command | undefined
  /** When the daemon ends in order. */
  readonly shutdown?: Command | undefined
}

/** Nodes as the commands see them. */
export interface ExtensionPlan {
  readonly own: Pick<OwnNode, 'networks' | 'subnets' | 'publicIPs'>
  readonly peers: readonly ExtensionPeer[]
}

interface ExtensionPeer {
  readonly name: string
  readonly subnets: PerFamily<CIDR>
  readonly publicIPs: PerFamily<IP>
  /** Anybody's text. */
  readonly input: string
}

/** flannel's extension backend (pkg/backend/extension): commands make what carries the packets. */
export function createExtension(options: ExtensionOptions): Backend {
  let told: string | null = null
  return {
    type: 'extension',
    describe: (node) =>
      mapFamilies(node.networks, (_, family) =>
        node.underlay.addresses[family] === undefined ? undefined : told,
      ),
    plan: (node, _, peers) => planExtension(node, peers),
    async openCarrier(host) {
      const { preStartup } = options
      if (preStartup) told = await runCommandLine(preStartup, { env: {}, input: '', ...host })
      return createCarrier(options, host)
    },
  }
}

/** Pure. */
export function planExtension(
  { networks, subnets, publicIPs, underlay }: OwnNode,
  leases: readonly Lease[],
): NodePlan {
  const peers = leases.map(({ name, data, ...lease }): ExtensionPeer => {
    const [input] = FAMILIES.flatMap((family) => data[family] ?? [])
    return {
      name,
      subnets: lease.subnets,
      publicIPs: lease.publicIPs,
      input: typeof input === 'string' ? input : '',
    }
  })
  const extension = { own: { networks, subnets, publicIPs }, peers }
  return { ...NO_PLAN, extension, mtuBytes: underlay.mtuBytes }
}

function createCarrier(options: ExtensionOptions, host: CarrierHost): Carrier {
  const { postStartup, subnetAdd, subnetRemove, shutdown } = options
  let isStarted = false
  const added = new Map<string, ExtensionPeer>()
  const run = async (command: Command | undefined, env: Environment, input: string) => {
    if (!command) return
    const output = await runCommandLine(command, { env, input, ...host })
    host.log.info('Ran command', { command: command.text, output })
  }
  return {
    async commit({ extension }: NodePlan) {
      if (!extension) return
      if (!isStarted) await run(postStartup, ownEnvironment(extension.own), '')
      isStarted = true
      const wanted = new Map(extension.peers.map((peer) => [JSON.stringify(peer), peer]))
      for (const [key, peer] of added) {
        if (wanted.has(key)) continue
        added.delete(key)
        // Not tried again: what should be taken away may be gone.
        await run(subnetRemove, peerEnvironment(peer), peer.input).catch((error: unknown) =>
          host.log.error('Cannot remove a subnet', { node: peer.name, error }),
        )
      }
      for (const [key, peer] of wanted) {
        if (added.has(key)) continue
        // Tried again with the next pass: the others need not wait for it.
        await run(subnetAdd, peerEnvironment(peer), peer.input).then(
          () => void added.set(key, peer),
          (error: unknown) => host.log.error('Cannot add a subnet', { node: peer.name, error }),
        )
      }
    },
    [Symbol.asyncDispose]: () => run(shutdown, {}, ''),
  }
}

type Environment = Readonly<Record<string, string>>

function ownEnvironment({ networks, ...node }: ExtensionPlan['own']): Environment {
  const [network] = FAMILIES.flatMap((family) => networks[family] ?? [])
  return { NETWORK: network ? formatCIDR(network) : '', ...peerEnvironment(node) }
}

/** Documentation/extension.md of flannel. */
function peerEnvironment({
  subnets,
  publicIPs,
}: Pick<ExtensionPeer, 'subnets' | 'publicIPs'>): Environment {
  return {
    SUBNET: subnets[4] ? formatCIDR(subnets[4]) : '',
    IPV6SUBNET: subnets[6] ? formatCIDR(subnets[6]) : '',
    PUBLIC_IP: publicIPs[4] ?? '',
    PUBLIC_IPV6: publicIPs[6] ?? '',
  }
}
