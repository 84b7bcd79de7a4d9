import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { type Family, familyOf, ip } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { type Log, silentLog } from '#log/log.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { ServiceModel } from '../../model.ts'
import { createSockets } from '../relay/sockets.ts'
import { type ProxyOptions, type ProxyState, runProxy } from '../run-proxy.ts'
import { answer } from './answer.ts'
import { askAll, type Question, type Reply } from './ask.ts'
import { inFamily } from './in-family.ts'
import { A, B, C, NODE, OUTSIDE, PROXY_OPTIONS } from './packet-flows.ts'

const LB_IPS = ['172.30.0.200', '172.30.0.201', '172.30.0.202', '172.30.0.203']
const FAMILIES = [4, 6] as const

/** The network of packet-flows.ts, in both families, with servers in its pods. node2 only routes. */
export interface NodeLab extends Disposable {
  readonly lab: Lab
  readonly node: Netns
  /** By address, of either family. */
  netnsOf(address: string): Netns
  /** Beside the event loop: the proxy in this very process may have to answer. */
  ask(from: string, questions: readonly Question[]): Promise<readonly Reply[]>
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
  /** Resolves once the kernel holds a model of any family that `is` as wanted. */
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
  for (const family of FAMILIES)
    must(lab, node, ['ip', 'addr', 'add', inFamily(family, '10.244.1.1/24'), 'dev', 'cni0'])
  lab.exec(node, ['ip', 'link', 'set', 'cni0', 'up'])
  const pods = new Map([
    [A, hangPod(lab, node, 'a', A, 'cni0')],
    [B, hangPod(lab, node, 'b', B, 'cni0')],
    [C, hangPod(lab, node2, 'c', C)],
  ])
  const route = (netns: Netns, ...args: readonly string[]) => {
    for (const family of FAMILIES)
      must(lab, netns, ['ip', `-${family}`, 'route', 'add', ...inFamily(family, args)])
  }
  route(node, '10.244.2.0/24', 'via', '172.30.0.12')
  route(node2, '10.244.1.0/24', 'via', NODE)
  route(outside, '10.96.0.0/16', 'via', NODE)
  for (const address of LB_IPS) {
    route(node, `${address}/32`, 'dev', 'cni0')
    for (const family of FAMILIES) {
      const proxied = inFamily(family, address)
      must(lab, node, ['ip', 'neigh', 'add', 'proxy', proxied, 'dev', 'eth0'])
    }
  }
  writeSysctl('net.ipv4.neigh.eth0.proxy_delay', 0, node)
  writeSysctl('net.ipv6.neigh.eth0.proxy_delay', 0, node)
  writeSysctl('net.ipv6.conf.eth0.proxy_ndp', 1, node)
  // Else its redirects to pods on one bridge, which no sysctl turns off, use up what it may send of refusals.
  writeSysctl('net.ipv6.icmp.ratelimit', 0, node)
  // With br_netfilter, translation would happen inside the bridge, which sends nothing back where it came from.
  try {
    writeSysctl('net.bridge.bridge-nf-call-iptables', 0, node)
    writeSysctl('net.bridge.bridge-nf-call-ip6tables', 0, node)
  } catch {} // no br_netfilter here

  const servers: Disposable[] = []
  for (const [i, [address, netns]] of [...pods].entries()) {
    for (const family of FAMILIES) {
      servers.push(await answer(netns, 'abc'[i]!, ip(inFamily(family, address))))
    }
  }
  const places = new Map([...pods, [NODE, node], [OUTSIDE, outside]])
  for (const [address, netns] of [...places]) places.set(inFamily(6, address), netns)
  const netnsOf = (address: string) => places.get(address)!
  const nft = openNft(node)
  const api = createFakeAPI()
  return {
    lab,
    node,
    netnsOf,
    api,
    nft: (command) => nft.read(command),
    ask(from, questions) {
      const sockets = createSockets(netnsOf(from))
      return Promise.all(questions.map((question) => askAll(sockets, question)))
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
      for (const server of servers) server[Symbol.dispose]()
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
    onState: (state: ProxyState) => states.push(state),
  }
  const running = runProxy(deps, { ...PROXY_OPTIONS, ...options }, signal)
  const last = (family: Family) => states.findLast((state) => state.family === family)
  const families = (options.families ?? PROXY_OPTIONS.families).map(({ nodeIP }) =>
    familyOf(nodeIP),
  )
  await waitFor(() => families.every((family) => last(family)?.programmed), {
    what: 'the proxy to program',
  })
  return {
    states,
    async programmed(is) {
      const isDone = (state: ProxyState | undefined) => state?.programmed && is(state.model)
      await waitFor(() => families.some((family) => isDone(last(family))), {
        what: 'the proxy to program',
      })
    },
    async stop() {
      abort.abort()
      await running
    },
  }
}

function layUnderlay(
  lab: Lab,
  lan: Netns,
  members: readonly (readonly [netns: Netns, address: string])[],
): void {
  must(lab, lan, ['ip', 'link', 'add', 'br0', 'type', 'bridge'])
  for (const family of FAMILIES)
    must(lab, lan, ['ip', 'addr', 'add', inFamily(family, '172.30.0.2/24'), 'dev', 'br0'])
  must(lab, lan, ['ip', 'link', 'set', 'br0', 'up'])
  members.forEach(([netns, address], i) => {
    const port = `port${i}`
    lab.connect({ netns: lan, device: port }, { netns, device: 'eth0', address: `${address}/24` })
    must(lab, lan, ['ip', 'link', 'set', port, 'master', 'br0'])
    must(lab, netns, ['ip', 'addr', 'add', inFamily(6, `${address}/24`), 'dev', 'eth0'])
    for (const [name, value] of [
      ['net.ipv4.ip_forward', address === OUTSIDE ? 0 : 1],
      ['net.ipv6.conf.all.forwarding', address === OUTSIDE ? 0 : 1],
      ['net.ipv4.conf.all.rp_filter', 0],
      ['net.ipv4.conf.eth0.rp_filter', 0],
      ['net.ipv4.conf.all.send_redirects', 0],
      ['net.ipv4.conf.eth0.send_redirects', 0],
      ['net.ipv4.conf.default.send_redirects', 0],
    ] as const) {
      writeSysctl(name, value, netns)
    }
    if (address !== OUTSIDE) {
      for (const family of FAMILIES) {
        const gateway = inFamily(family, ip('172.30.0.2'))
        lab.rtnetlink(netns).replaceRoute({ family, gateway, device: 'eth0' })
      }
    }
  })
}

/** As the pod network does: an address without a subnet, its gateway on the link, on a bridge or straight on the node. */
function hangPod(lab: Lab, node: Netns, name: string, address: string, bridge?: string): Netns {
  const pod = lab.netns(name)
  const port = `veth-${name}`
  lab.connect({ netns: node, device: port }, { netns: pod, device: 'eth0' })
  if (bridge) must(lab, node, ['ip', 'link', 'set', port, 'master', bridge])
  for (const family of FAMILIES) {
    const own = inFamily(family, `${address}/32`)
    const gateway = inFamily(family, ip(address.replace(/\d+$/, '1')))
    must(lab, pod, ['ip', 'addr', 'add', own, 'dev', 'eth0'])
    if (!bridge) {
      must(lab, node, ['ip', 'addr', 'add', `${gateway}/${family === 4 ? 32 : 128}`, 'dev', port])
      must(lab, node, ['ip', 'route', 'add', own, 'dev', port])
    }
    lab.rtnetlink(pod).replaceRoute({ family, gateway, device: 'eth0', onlink: true })
  }
  return pod
}

function must(lab: Lab, netns: Netns, argv: readonly string[]): void {
  const { status, stderr } = lab.exec(netns, argv)
  if (status !== 0) throw new Error(`Cannot run ${argv.join(' ')}: ${stderr}`)
}
