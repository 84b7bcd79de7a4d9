import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Netns } from '#kernel/netns/netns.ts'
import { prepareNode } from '#pod-network/testing/prepare-node.ts'
import type { LabProcess } from '#testing/lab-process.ts'
import type { Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { nodeIP, nodeName, POD_NETWORK, SERVER_IP, UNDERLAY_PREFIX } from './nodes.ts'

const root = join(import.meta.dirname, '../..')
const LAUNCHER = join(root, 'bin/fairlead-node')
const FILL_MS = 180_000
/** Entries for a peer: a route, a neighbour and an FDB entry. */
const ENTRIES = 3

/** A wire with an API server that holds many nodes; some of them are really there, with a daemon each. */
export interface Wire {
  readonly server: LabProcess
  plug(n: number): Netns
  startDaemon(n: number, netns: Netns): LabProcess
  /** What the kernel has for others in the tunnel's device; only peer n's where it is given. */
  countEntries(netns: Netns, tunnelIP?: string): number
}

/** @param count Nodes that the API server knows, from 1 on */
export async function createWire(lab: Lab, count: number): Promise<Wire> {
  const lan = lab.netns('lan')
  lab.rtnetlink(lan).addLink({ kind: 'bridge', name: 'br0', up: true })
  const plug = (name: string, address: string) => {
    const netns = lab.netns(name)
    const end = { netns, device: 'eth0', address: `${address}/${UNDERLAY_PREFIX}` }
    lab.connect({ netns: lan, device: name }, end)
    lab.rtnetlink(lan).setLink(name, { master: 'br0' })
    prepareNode(netns)
    return netns
  }
  const netConf = join(lab.folder, 'net-conf.json')
  writeFileSync(
    netConf,
    JSON.stringify({ Network: POD_NETWORK, EnableNFTables: true, Backend: { Type: 'vxlan' } }),
  )
  const script = join(import.meta.dirname, 'api-server.ts')
  const server = lab.spawn(plug('server', SERVER_IP), [LAUNCHER, script, lab.folder, `${count}`])
  await server.outputs('ready', FILL_MS)
  return {
    server,
    plug: (n) => plug(nodeName(n), nodeIP(n)),
    startDaemon: (n, netns) =>
      lab.spawn(netns, [
        ...[LAUNCHER, join(root, 'src/cli/main.ts'), 'pod-network', '--ip-masq', '--iface=eth0'],
        ...[`--kubeconfig=${join(lab.folder, 'kubeconfig')}`, `--node-name=${nodeName(n)}`],
        ...[`--net-config-path=${netConf}`],
        `--subnet-file=${join(lab.folder, `subnet-${n}.env`)}`,
      ]),
    countEntries(netns, tunnelIP) {
      const rtnetlink = lab.rtnetlink(netns)
      const neighbours = rtnetlink
        .neighbours()
        .filter(
          ({ device, ip, state }) =>
            device === 'flannel.1' && state === 'permanent' && (tunnelIP ?? ip) === ip,
        )
      const macs = new Set(neighbours.map(({ mac }) => mac))
      const routes = rtnetlink
        .routes()
        .filter(
          ({ device, gateway }) =>
            device === 'flannel.1' && gateway !== undefined && (tunnelIP ?? gateway) === gateway,
        )
      const fdb = rtnetlink
        .fdb()
        .filter(
          ({ device, destination, mac }) =>
            device === 'flannel.1' && destination !== undefined && macs.has(mac),
        )
      return neighbours.length + routes.length + fdb.length
    },
  }
}

/** @returns when the kernel has all entries for so many peers, in ms from `since`; looked at every other ms */
export async function untilEntries(
  count: () => number,
  peers: number,
  since: number,
): Promise<number> {
  await waitFor(() => count() === peers * ENTRIES, {
    what: `entries for ${peers} peers`,
    timeoutMs: 60_000,
  })
  return performance.now() - since
}
