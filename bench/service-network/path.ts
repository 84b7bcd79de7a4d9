import { once } from 'node:events'
import { join } from 'node:path'
import { formatCIDR } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { timeFactor } from '#testing/wait-for.ts'
import { SERVICE_CIDR } from './services.ts'

/** Where the server of a {@link Path} is. */
export const SERVER = '10.254.0.2'

export interface Path extends Disposable {
  readonly lab: Lab
  readonly client: Netns
  readonly node: Netns
  readonly server: Netns
}

/** A client, a node, a server: the smallest network in which a Service is used from another network. */
export function createPath(): Path {
  const lab = createLab()
  const [client, node, server] = ['client', 'node', 'server'].map((name) => lab.netns(name)) as [
    Netns,
    Netns,
    Netns,
  ]
  lab.connect(
    { netns: client, device: 'eth0', address: '10.253.0.2/24' },
    { netns: node, device: 'in', address: '10.253.0.1/24' },
  )
  lab.connect(
    { netns: server, device: 'eth0', address: `${SERVER}/24` },
    { netns: node, device: 'out', address: '10.254.0.1/24' },
  )
  writeSysctl('net.ipv4.ip_forward', 1, node)
  const ip = (netns: Netns, ...args: readonly string[]) => {
    const { status, stderr } = lab.exec(netns, ['ip', ...args])
    if (status !== 0) throw new Error(`Cannot lay the path: ${stderr}`)
  }
  ip(client, 'route', 'add', formatCIDR(SERVICE_CIDR), 'via', '10.253.0.1')
  ip(client, 'route', 'add', '10.254.0.0/24', 'via', '10.253.0.1')
  ip(server, 'route', 'add', '10.253.0.0/24', 'via', '10.254.0.1')
  return Object.assign(
    { lab, client, node, server },
    { [Symbol.dispose]: () => lab[Symbol.dispose]() },
  )
}

const LAUNCHER = join(import.meta.dirname, '../../bin/fairlead-node')

/** The command that runs a script of this folder. */
export function scriptArgv(name: string, ...args: readonly string[]): readonly string[] {
  return [LAUNCHER, join(import.meta.dirname, name), ...args]
}

/** Runs a command to its end and gives what it printed. Does not block: userspace mode relays in this very process. */
export async function run(
  { lab }: Path,
  netns: Netns,
  argv: readonly string[],
  timeoutMs: number,
): Promise<string> {
  using started = lab.spawn(netns, argv)
  let stdout = ''
  started.child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  const signal = AbortSignal.timeout(timeoutMs * timeFactor)
  const [code] = await once(started.child, 'close', { signal })
  if (code !== 0) throw new Error(`Cannot measure by ${argv.join(' ')}: ${started.output()}`)
  return stdout
}
