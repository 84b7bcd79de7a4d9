import { join } from 'node:path'
import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { type Log, silentLog } from '#log/log.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { ServiceModel } from '../../model.ts'
import { createConntrackCommand } from '../conntrack-command.ts'
import { type ProxyOptions, type ProxyState, runProxy } from '../run-proxy.ts'
import type { Question, Reply } from './ask.ts'
import { A, B, C, NODE, OUTSIDE, PROXY_OPTIONS } from './packet-flows.ts'

const LAUNCHER = join(import.meta.dirname, '../../../../bin/fairlead-node')
const LB_IPS = ['172.30.0.200', '172.30.0.201', '172.30.0.202', '172.30.0.203']

/** The network of packet-flows.ts, with servers in its pods. node2 only routes. */
export interface NodeLab extends Disposable {
  readonly lab: Lab
  readonly node: Netns
  /** By address. */
  netnsOf(address: string): Netns
  ask(from: string, questions: readonly Question[]): readonly Reply[]
  nft(command: string): string
  readonly api: FakeAPI
  /**
   * Starts a proxy on node1, of the mode in `options`. Resolves when it has programmed what is there; `stop` ends it and leaves the rules.
   */
  startProxy(options?: Partial<ProxyOptions> & { readonly log?: Log }): Promise<RunningProxy>
  /** Creates or replaces. */
  put(...objects: readonly (Service | EndpointSlice)[]): Promise<void>
  remove(resource: resources.Resource, ...names: readonly string[]): Promise<void>
}

export interface RunningProxy {
  readonly states: readonly ProxyState[]
  /** Resolves once the kernel holds a model that `is` as wanted. */
  programmed(is: (model: ServiceModel) => boolean): Promise<void>
  stop(): Promise<void>
}

export async function createNodeLab(): Promise<NodeLab> {
  const lab = createLab()
  try {
    return await furnish(lab)
  } catch (error) {
    lab[Symbol.dispose]()
    throw error
  }
}

async function furnish(lab: Lab): Promise<NodeLab> {
  const [lan, node, node2, outside] = ['lan', 'node1', 'node2', 'outside'].map((name) =>
    lab.netns(name),
  ) as [Netns, Netns, Netns, Netns]
  layUnderlay(lab, lan, [
    [node, NODE],
    [node2, '172.30.0.12'],
    [outside, OUTSIDE],
  ])
  lab.exec(node, ['ip', 'link', 'add', 'cni0', 'type', 'bridge'])
  lab.exec(node, ['ip', 'addr', 'add', '10.244.1.1/24', 'dev', 'cni0'])
  lab.exec(node, ['ip', 'link', 'set', 'cni0', 'up'])
  const pods = new Map([
    [A, hangPod(lab, node, 'a', A, 'cni0')],
    [B, hangPod(lab, node, 'b', B, 'cni0')],
    [C, hangPod(lab, node2, 'c', C)],
  ])
  const route = (netns: Netns, ...args: readonly string[]) =>
    must(lab, netns, ['ip', 'route', 'add', ...args])
  route(node, '10.244.2.0/24', 'via', '172.30.0.12')
  route(node2, '10.244.1.0/24', 'via', NODE)
  route(outside, '10.96.0.0/16', 'via', NODE)
  for (const address of LB_IPS) {
    route(node, `${address}/32`, 'dev', 'cni0')
    must(lab, node, ['ip', 'neigh', 'add', 'proxy', address, 'dev', 'eth0'])
  }
  writeSysctl('net.ipv4.neigh.eth0.proxy_delay', 0, node)
  // With br_netfilter, translation would happen inside the bridge, which sends nothing back where it came from.
  try {
    writeSysctl('net.bridge.bridge-nf-call-iptables', 0, node)
  } catch {} // no br_netfilter here

  await Promise.all(
    [...pods].map(([address, netns], i) => {
      const server = join(import.meta.dirname, 'answer.ts')
      return lab.spawn(netns, [LAUNCHER, server, 'abc'[i]!, address]).outputs('ready', 20_000)
    }),
  )
  const netnsOf = (address: string) =>
    address === NODE ? node : address === OUTSIDE ? outside : pods.get(address)!
  const nft = openNft(node)
  const api = createFakeAPI()
  return {
    lab,
    node,
    netnsOf,
    api,
    nft: (command) => nft.read(command),
    ask(from, questions) {
      const argv = [LAUNCHER, join(import.meta.dirname, 'ask.ts'), JSON.stringify(questions)]
      const { stdout, stderr } = lab.exec(netnsOf(from), argv, { timeoutMs: 60_000 })
      if (stdout === '') throw new Error(`Cannot ask: ${stderr}`)
      return JSON.parse(stdout)
    },
    async put(...objects) {
      for (const object of objects) {
        if ('spec' in object) await putOne(api, resources.services, object)
        else await putOne(api, resources.endpointSlices, object)
      }
    },
    async remove(resource, ...names) {
      for (const name of names) await api.delete(resource, { namespace: 'default', name })
    },
    startProxy: (options = {}) => startProxy(node, api, options),
    [Symbol.dispose]() {
      nft[Symbol.dispose]()
      lab[Symbol.dispose]()
    },
  }
}

async function putOne<T extends Service | EndpointSlice>(
  api: FakeAPI,
  resource: resources.Resource<T>,
  object: T,
): Promise<void> {
  const { namespace = '', name } = object.metadata
  if (await api.get(resource, { namespace, name })) await api.update(resource, object)
  else await api.create(resource, object)
}

async function startProxy(
  node: Netns,
  api: FakeAPI,
  { log = silentLog, ...options }: Partial<ProxyOptions> & { readonly log?: Log },
): Promise<RunningProxy> {
  const abort = new AbortController()
  const { signal } = abort
  const states: ProxyState[] = []
  const deps = {
    services: createInformer(api, resources.services, signal),
    slices: createInformer(api, resources.endpointSlices, signal),
    netns: node,
    log,
    openConntrack: () =>
      createConntrackCommand(['nsenter', `--net=/proc/${process.pid}/fd/${node.fd}`]),
    onState: (state: ProxyState) => states.push(state),
  }
  const running = runProxy(deps, { ...PROXY_OPTIONS, ...options }, signal)
  await waitFor(() => states.some(({ programmed }) => programmed), { what: 'the proxy to program' })
  return {
    states,
    async programmed(is) {
      await waitFor(() => isProgrammed(states.at(-1), is), { what: 'the proxy to program' })
    },
    async stop() {
      abort.abort()
      await running
    },
  }
}

function isProgrammed(
  state: ProxyState | undefined,
  is: (model: ServiceModel) => boolean,
): boolean {
  return state?.programmed === true && is(state.model)
}

function layUnderlay(
  lab: Lab,
  lan: Netns,
  members: readonly (readonly [netns: Netns, address: string])[],
): void {
  must(lab, lan, ['ip', 'link', 'add', 'br0', 'type', 'bridge'])
  must(lab, lan, ['ip', 'addr', 'add', '172.30.0.2/24', 'dev', 'br0'])
  must(lab, lan, ['ip', 'link', 'set', 'br0', 'up'])
  members.forEach(([netns, address], i) => {
    const port = `port${i}`
    lab.connect({ netns: lan, device: port }, { netns, device: 'eth0', address: `${address}/24` })
    must(lab, lan, ['ip', 'link', 'set', port, 'master', 'br0'])
    for (const [name, value] of [
      ['net.ipv4.ip_forward', address === OUTSIDE ? 0 : 1],
      ['net.ipv4.conf.all.rp_filter', 0],
      ['net.ipv4.conf.eth0.rp_filter', 0],
      ['net.ipv4.conf.all.send_redirects', 0],
      ['net.ipv4.conf.eth0.send_redirects', 0],
      ['net.ipv4.conf.default.send_redirects', 0],
    ] as const) {
      writeSysctl(name, value, netns)
    }
    if (address !== OUTSIDE) {
      lab.rtnetlink(netns).replaceRoute({ family: 4, gateway: ip('172.30.0.2'), device: 'eth0' })
    }
  })
}

/** As the pod network does: a /32, its gateway on the link, on a bridge or straight on the node. */
function hangPod(lab: Lab, node: Netns, name: string, address: string, bridge?: string): Netns {
  const pod = lab.netns(name)
  const port = `veth-${name}`
  const gateway = address.replace(/\d+$/, '1')
  lab.connect(
    { netns: node, device: port },
    { netns: pod, device: 'eth0', address: `${address}/32` },
  )
  if (bridge) must(lab, node, ['ip', 'link', 'set', port, 'master', bridge])
  else {
    must(lab, node, ['ip', 'addr', 'add', `${gateway}/32`, 'dev', port])
    lab.rtnetlink(node).replaceRoute({
      family: 4,
      destination: cidr(`${address}/32`),
      device: port,
      scope: 'link',
    })
  }
  lab.rtnetlink(pod).replaceRoute({ family: 4, gateway: ip(gateway), device: 'eth0', onlink: true })
  return pod
}

function must(lab: Lab, netns: Netns, argv: readonly string[]): void {
  const { status, stderr } = lab.exec(netns, argv)
  if (status !== 0) throw new Error(`Cannot run ${argv.join(' ')}: ${stderr}`)
}
