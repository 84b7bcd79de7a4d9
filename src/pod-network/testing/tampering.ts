import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Netns } from '#kernel/netns/netns.ts'
import { createLog } from '#log/log.ts'
import type { Lab } from '#testing/netns.ts'
import type { Backend } from '../flannel/backend.ts'
import { type CLUSTER_BACKENDS, createBackend } from '../flannel/create-backend.ts'
import { createCluster } from './cluster.ts'
import { createKeptNode, type KeptNode } from './kept-node.ts'
import { type Damage, type DamagedPod, damagesOf, pictureOf } from './pod-damages.ts'
import { startProbes } from './probes.ts'
import { serveWhoAmI } from './who-am-i.ts'

/** Ways to damage what joins a node's pods with those of others, as commands of a shell in its namespace. D: its tunnel's device, S: the other node's subnet. */
const COMMON = [
  'nft delete table ip fairlead-pod-network',
  'nft flush ruleset',
  'nft flush chain ip fairlead-pod-network postrouting',
  'nft insert rule ip fairlead-pod-network postrouting return',
  'nft insert rule ip fairlead-pod-network postrouting ip saddr 10.244.0.0/16 masquerade',
  'nft flush set ip fairlead-pod-network nodes',
  'sysctl -qw net.ipv4.ip_forward=0',
  'ip route flush proto 241',
] as const

const ON_DEVICE = [
  'ip link set D down',
  'ip link set D mtu 1280',
  'ip link set D alias other',
  'ip addr flush dev D',
  'ip addr add 10.99.0.1/32 dev D',
] as const

const DAMAGES: Readonly<Record<(typeof CLUSTER_BACKENDS)[number], readonly string[]>> = {
  vxlan: [
    ...COMMON,
    ...ON_DEVICE,
    'ip link del D',
    'ip link set D address 02:00:00:00:00:99',
    'ip link del D; ip link add D type vxlan id 9 dstport 8472 dev eth0',
    'ip link del D; ip link add D type veth peer other && ip link set D up',
    'ip route del S dev D',
    'ip route replace S via 172.30.0.99 dev eth0',
    'ip route replace blackhole S',
    'ip neigh flush dev D nud permanent',
    'for n in $(ip neigh show dev D nud permanent | cut -d" " -f1); do ip neigh replace $n lladdr 02:00:00:00:00:99 dev D nud permanent; done',
    'for m in $(bridge fdb show dev D | grep dst | cut -d" " -f1); do bridge fdb del $m dev D; done',
    'for m in $(bridge fdb show dev D | grep dst | cut -d" " -f1); do bridge fdb replace $m dev D dst 172.30.0.99 self permanent; done',
    'sysctl -qw net.ipv6.conf.D.accept_ra=1',
  ],
  'host-gw': [
    ...COMMON,
    'ip route del S proto 241',
    'ip route replace S via 172.30.0.99 dev eth0',
    'ip route replace S via 172.30.0.99 dev eth0 proto 241',
    'ip route replace blackhole S',
  ],
  udp: [
    ...COMMON,
    ...ON_DEVICE,
    'ip link del D',
    'ip route del 10.244.0.0/16 dev D',
    'ip route replace 10.244.0.0/16 via 172.30.0.99 dev eth0',
  ],
}

const DEVICE = { vxlan: 'flannel.1', 'host-gw': 'eth0', udp: 'flannel0' } as const

export interface TamperingOptions {
  readonly backend: (typeof CLUSTER_BACKENDS)[number]
  readonly rounds: number
  readonly random: () => number
  readonly log: (line: string) => void
  /** How soon traffic has to be back, and all as it was. */
  readonly limitMs?: number
}

/** Of what the nodes' agents say, told with a failure. */
const LAST_LINES = 20

/** How long the slowest damage of all was felt. */
export interface Slowest {
  readonly milliseconds: number
  readonly what: string
}

/**
 * Damages one of two nodes, or a pod of it, again and again, at random, and measures when packets pass again: between the pods, to
 * the node, to the outside under the node's address, and from outside to the pods' host ports.
 * @throws Error where that takes longer than the limit
 */
export async function tamper(lab: Lab, options: TamperingOptions): Promise<Slowest> {
  const { backend: type, rounds, random, log, limitMs = 2000 } = options
  const backend = (): Backend => createBackend({ type, options: {} })
  const said: string[] = []
  const agents = createLog('node', (line) => {
    said.push(line)
    said.splice(0, said.length - LAST_LINES)
  })
  const refuse = (problem: string) => new Error(`${problem}\n${said.join('')}`)
  await using cluster = await createCluster(lab, 2, { backend, log: agents })
  await using stack = new AsyncDisposableStack()
  const nodes: KeptNode[] = []
  for (const member of cluster.members)
    nodes.push(
      stack.use(
        await createKeptNode(
          lab,
          member,
          await cluster.subnetOf(member.n),
          agents.child(`${member.n}`),
        ),
      ),
    )
  const [a, b] = [nodes[0]!, nodes[1]!]
  await serveWhoAmI(lab, cluster.outside)
  const probes = stack.use(
    startProbes([
      { name: 'pod to pod of the other node', from: a.pod, to: b.podIP },
      { name: 'and back', from: b.pod, to: a.podIP },
      { name: 'pod to the other node', from: b.pod, to: a.nodeIP },
      // By new connections: one that is known stays translated without its rule.
      { name: 'pod to the outside', from: a.pod, to: '172.30.0.254', port: 8080 },
      { name: "the other node's pod to the outside", from: b.pod, to: '172.30.0.254', port: 8080 },
      { name: 'host port', from: cluster.outside, to: a.nodeIP, port: 8088 },
      { name: 'host port of the other node', from: cluster.outside, to: b.nodeIP, port: 8088 },
    ]),
  )
  const untilBack = async (withinMs: number, what: string) => {
    const since = performance.now()
    const passed = await probes.passed(since, since + withinMs)
    const late = typeof passed === 'number' ? [`it took ${Math.round(passed - since)} ms`] : passed
    if (typeof passed === 'number' && passed - since <= withinMs) return passed - since
    throw refuse(`Traffic is not back ${withinMs} ms after ${what}: ${late.join(', ')}`)
  }
  await untilBack(60_000, 'the beginning')
  const look = async () =>
    await Promise.all(
      nodes.map(async (node) => [
        await picture(node.netns, DEVICE[type]),
        withoutIPv6(await output(node.netns, ['sh', '-c', pictureOf(node.damaged)])),
      ]),
    )
  const whole = JSON.stringify(await look())
  let slowest: Slowest = { milliseconds: 0, what: 'nothing' }
  for (let round = 0; round < rounds; round++) {
    const n = random() < 0.5 ? 1 : 2
    const damage = choose(type, n, nodes[n - 1]!.damaged, random)
    const what = `${type}, node${n}: ${damage.name} (${damage.command})`
    await shell(nodes[n - 1]!.netns, damage.command)
    const milliseconds = await untilBack(limitMs, what)
    // Not every damage stops these packets: all has to be as it was.
    let now = whole
    const isWhole = async () => {
      if (damage.undo) await shell(nodes[n - 1]!.netns, damage.undo)
      now = JSON.stringify(await look())
      return now === whole
    }
    await until(isWhole, limitMs, 'The network is not whole', what).catch((error) => {
      throw refuse(`${error.message}: ${now} instead of ${whole}`)
    })
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, what }
    log(`${type} round ${round + 1}: ${milliseconds.toFixed(0)} ms after node${n}: ${damage.name}`)
  }
  return slowest
}

/** Which these pods have not, and nobody keeps. */
function withoutIPv6(shown: string): string {
  return shown.replaceAll(/^.*(?:\bfe80::|disable_ipv6).*\n/gm, '')
}

/** Half of them of the pods, half of what joins the nodes. */
function choose(
  type: TamperingOptions['backend'],
  n: number,
  pod: DamagedPod,
  random: () => number,
): Damage {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  if (random() < 0.5) return pick(damagesOf(pod))
  const command = pick(DAMAGES[type])
    .replaceAll('conf.D.', `conf.${DEVICE[type].replaceAll('.', '/')}.`)
    .replaceAll(/\bD\b/g, DEVICE[type])
    .replaceAll(/\bS\b/g, `10.244.${3 - n}.0/24`)
  return { name: command, command }
}

async function until(
  isSo: () => Promise<boolean>,
  limitMs: number,
  problem: string,
  what: string,
): Promise<number> {
  const since = performance.now()
  while (!(await isSo())) {
    if (performance.now() - since > limitMs)
      throw new Error(`${problem} ${limitMs} ms after ${what}`)
  }
  return performance.now() - since
}

/** Everything of ours on a node, as its own tools show it; without the numbers of devices, which are others when they are made anew. */
async function picture(netns: Netns, device: string): Promise<string> {
  const commands = [
    `ip -o -d link show ${device}`,
    `ip -o -4 addr show dev ${device}`,
    'ip route show proto 241',
    `ip neigh show dev ${device} nud permanent | sort`,
    `bridge fdb show dev ${device} | grep dst | sort`,
    'nft list table ip fairlead-pod-network',
    'sysctl net.ipv4.ip_forward',
    `sysctl net.ipv6.conf.${device.replaceAll('.', '/')}.accept_ra`,
  ]
  const shown = await output(netns, ['sh', '-c', commands.join('; ')])
  return shown.replaceAll(/^\d+: /gm, '')
}

/** A damage may find nothing that it could damage: the one before may be just repaired. */
async function shell(netns: Netns, command: string): Promise<void> {
  await run(netns, ['sh', '-c', command])
}

/** Beside the event loop: the daemons run in it. */
async function run(netns: Netns, argv: readonly string[]): Promise<number | null> {
  const child = start(netns, argv)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

async function output(netns: Netns, argv: readonly string[]): Promise<string> {
  const child = start(netns, argv)
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stdout.setEncoding('utf8')
  await once(child, 'close')
  return text
}

function start(netns: Netns, argv: readonly string[]) {
  const args = [`--net=/proc/${process.pid}/fd/${netns.fd}`, ...argv]
  return spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'ignore'] })
}
