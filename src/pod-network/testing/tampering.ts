import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Lab } from '#testing/netns.ts'
import type { Backend } from '../flannel/backend.ts'
import { type CLUSTER_BACKENDS, createBackend } from '../flannel/create-backend.ts'
import { createCluster } from './cluster.ts'

/** Ways to damage a node's pod network, as commands of a shell in its namespace. D: its tunnel's device, S: the other node's subnet. */
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
}

/** How soon traffic has to be back. */
const LIMIT_MS = 2000

/**
 * Damages one of two nodes again and again, at random, and measures when their pods reach each other and the outside again.
 * @returns the longest time, in milliseconds
 * @throws Error where that is longer than two seconds
 */
export async function tamper(lab: Lab, options: TamperingOptions): Promise<number> {
  const { backend: type, rounds, random, log } = options
  const backend = (): Backend => createBackend({ type, options: {} })
  await using cluster = await createCluster(lab, 2, { backend })
  const [a, b] = [await cluster.addPod(1, 'a'), await cluster.addPod(2, 'b')]
  const isBack = async () =>
    (await reaches(a.netns, b.address)) && (await reaches(a.netns, '172.30.0.254'))
  await until(isBack, 10_000, 'Traffic is not there', 'the beginning')
  const look = async () =>
    await Promise.all(cluster.members.map(({ netns }) => picture(netns, DEVICE[type])))
  const whole = JSON.stringify(await look())
  const isWhole = async () => JSON.stringify(await look()) === whole
  let longest = 0
  for (let round = 0; round < rounds; round++) {
    const damages = DAMAGES[type]
    const n = random() < 0.5 ? 1 : 2
    const damage = damages[Math.floor(random() * damages.length)]!
    const command = damage
      .replaceAll('conf.D.', `conf.${DEVICE[type].replaceAll('.', '/')}.`)
      .replaceAll(/\bD\b/g, DEVICE[type])
      .replaceAll(/\bS\b/g, `10.244.${3 - n}.0/24`)
    await shell(cluster.members[n - 1]!.netns, command)
    const what = `${type}, node${n}: ${command}`
    const milliseconds = await until(isBack, LIMIT_MS, 'Traffic is not back', what)
    // Not every damage stops these packets: all has to be as it was.
    await until(isWhole, LIMIT_MS, 'The network is not whole', what)
    longest = Math.max(longest, milliseconds)
    log(`${type} round ${round + 1}: ${milliseconds.toFixed(0)} ms after node${n}: ${command}`)
  }
  return longest
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

async function reaches(from: Netns, to: string): Promise<boolean> {
  return (await run(from, ['ping', '-c1', '-W0.2', '-n', to])) === 0
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
