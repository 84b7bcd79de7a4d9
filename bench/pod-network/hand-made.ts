import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Netns } from '#kernel/netns/netns.ts'
import { prepareNode } from '#pod-network/testing/prepare-node.ts'
import type { LabProcess } from '#testing/lab-process.ts'
import type { Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'

/** A network of two nodes with a pod each that nobody watches over. */
export interface HandMade {
  readonly nodes: readonly [Netns, Netns]
  readonly pods: readonly [Netns, Netns]
}

export interface Tunnel {
  readonly mtuBytes: number
  /** Lays node n's end; its peer is node m. */
  lay(lab: Lab, netns: Netns, n: 1 | 2, m: 1 | 2): Promise<void>
}

export const podAddress = (n: number) => `10.244.${n}.2`
export const nodeAddress = (n: number) => `172.30.0.${10 + n}`
const mac = (n: number) => `0a:00:00:00:00:0${n}`

/** The commands of facts/pod-network.md 6.2, and the masquerading that pods need to reach anything else. */
export const HAND_MADE_VXLAN: Tunnel = {
  mtuBytes: 1450,
  async lay(lab, netns, n, m) {
    run(lab, netns, [
      `ip link add flannel.1 address ${mac(n)} mtu 1450 type vxlan id 1 dev eth0 local ${nodeAddress(n)} dstport 8472 nolearning`,
      `ip addr add 10.244.${n}.0/32 dev flannel.1`,
      'ip link set flannel.1 up',
      `ip neigh replace 10.244.${m}.0 lladdr ${mac(m)} dev flannel.1 nud permanent`,
      `bridge fdb replace ${mac(m)} dev flannel.1 dst ${nodeAddress(m)} self permanent`,
      `ip route replace 10.244.${m}.0/24 via 10.244.${m}.0 dev flannel.1 onlink`,
    ])
  },
}

/** socat(1) as a relay, with one peer only: a packet is a datagram, as flannel's. */
export const SOCAT_RELAY: Tunnel = {
  mtuBytes: 1472,
  async lay(lab, netns, n, m) {
    const peer = `UDP4-DATAGRAM:${nodeAddress(m)}:8285,bind=${nodeAddress(n)}:8285`
    const device = `TUN:10.244.${n}.0/32,tun-name=flannel0,tun-type=tun,iff-no-pi,iff-up`
    const relay = lab.spawn(netns, ['socat', peer, device])
    await connectTun(lab, netns, relay)
  },
}

/** A relay in C as flanneld's own is (relay.c); `undefined` where there is no compiler. @param folder for the program */
export function compileRelay(folder: string): Tunnel | undefined {
  const program = join(folder, 'relay')
  const source = join(import.meta.dirname, 'relay.c')
  const { error, status, stderr } = spawnSync('cc', ['-O2', '-o', program, source])
  if (error) return undefined
  if (status !== 0) throw new Error(`Cannot compile ${source}: ${stderr}`)
  return {
    mtuBytes: 1472,
    async lay(lab, netns, n, m) {
      const network = [`10.244.${m}.0`, '255.255.255.0', '8285']
      const argv = [program, 'flannel0', nodeAddress(n), nodeAddress(m), ...network]
      await connectTun(lab, netns, lab.spawn(netns, argv), [
        `ip addr add 10.244.${n}.0/32 dev flannel0`,
        'ip link set flannel0 up',
      ])
    },
  }
}

async function connectTun(
  lab: Lab,
  netns: Netns,
  relay: LabProcess,
  first: readonly string[] = [],
): Promise<void> {
  await waitFor(() => lab.rtnetlink(netns).hasLink('flannel0'), {
    what: `the relay's device: ${relay.output()}`,
  })
  run(lab, netns, [
    'ip link set flannel0 mtu 1472',
    ...first,
    'ip route replace 10.244.0.0/16 dev flannel0',
  ])
}

const MASQUERADE = `table ip hand-made {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 10.244.0.0/16 ip daddr != 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade
  }
}`

/** By ip(8), bridge(8) and nft(8) alone. */
export async function createHandMade(lab: Lab, tunnel: Tunnel): Promise<HandMade> {
  const lan = lab.netns('lan')
  lab.rtnetlink(lan).addLink({ kind: 'bridge', name: 'br0', up: true })
  const addNode = (n: 1 | 2): Netns => {
    const netns = lab.netns(`node${n}`)
    lab.connect(
      { netns: lan, device: `node${n}` },
      { netns, device: 'eth0', address: `${nodeAddress(n)}/24` },
    )
    lab.rtnetlink(lan).setLink(`node${n}`, { master: 'br0' })
    prepareNode(netns)
    return netns
  }
  const nodes = [addNode(1), addNode(2)] as const
  await tunnel.lay(lab, nodes[0], 1, 2)
  await tunnel.lay(lab, nodes[1], 2, 1)
  for (const node of nodes) run(lab, node, ['nft -f -'], MASQUERADE)
  const pods = [addPod(lab, nodes[0], 1, tunnel), addPod(lab, nodes[1], 2, tunnel)] as const
  return { nodes, pods }
}

function addPod(lab: Lab, node: Netns, n: number, { mtuBytes }: Tunnel): Netns {
  const netns = lab.netns(`pod${n}`)
  const end = `/proc/${process.pid}/fd/${netns.fd}`
  run(lab, node, [
    'ip link add cni0 type bridge',
    `ip addr add 10.244.${n}.1/24 dev cni0`,
    'ip link set cni0 up',
    `ip link add pod0 mtu ${mtuBytes} master cni0 type veth peer name eth0 mtu ${mtuBytes} netns ${end}`,
    'ip link set pod0 up',
  ])
  run(lab, netns, [
    `ip addr add ${podAddress(n)}/24 dev eth0`,
    'ip link set eth0 up',
    `ip route add default via 10.244.${n}.1`,
  ])
  return netns
}

function run(lab: Lab, netns: Netns, commands: readonly string[], input = ''): void {
  for (const command of commands) {
    const { status, stderr } = lab.exec(netns, command.split(' '), { input })
    if (status !== 0) throw new Error(`Cannot run ${command}: ${stderr}`)
  }
}
