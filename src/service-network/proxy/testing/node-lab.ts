import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI, type FakeAPI } from '#client/fake-api.ts'
import { cidr, parseInterfaceAddress } from '#ip/cidr.ts'
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
import { A, B, C, EXTERNAL, NODE, OUTSIDE, PROXY_OPTIONS } from './packet-flows.ts'

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
  lab.rtnetlink(node).addLink({ kind: 'bridge', name: 'cni0', up: true })
  addAddresses(lab, node, 'cni0', '10.244.1.1/24')
  const pods = new Map([
    [A, hangPod(lab, node, 'a', A, 'cni0')],
    [B, hangPod(lab, node, 'b', B, 'cni0')],
    [C, hangPod(lab, node2, 'c', C)],
  ])
  addRoutes(lab, node, '10.244.2.0/24', { gateway: '172.30.0.12' })
  addRoutes(lab, node2, '10.244.1.0/24', { gateway: NODE })
  addRoutes(lab, outside, '10.96.0.0/16', { gateway: NODE })
  addRoutes(lab, outside, `${EXTERNAL}/32`, { gateway: NODE })
  for (const address of LB_IPS) {
    addRoutes(lab, node, `${address}/32`, { device: 'cni0' })
    for (const family of FAMILIES) {
      const proxied = ip(inFamily(family, address))
      lab.rtnetlink(node).replaceNeighbour({ device: 'eth0', ip: proxied, proxy: true })
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
    serviceCIDRs: createInformer(api, resources.serviceCIDRs, signal),
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
  lab.rtnetlink(lan).addLink({ kind: 'bridge', name: 'br0', up: true })
  addAddresses(lab, lan, 'br0', '172.30.0.2/24')
  members.forEach(([netns, address], i) => {
    const port = `port${i}`
    lab.connect({ netns: lan, device: port }, { netns, device: 'eth0' })
    lab.rtnetlink(lan).setLink(port, { master: 'br0' })
    addAddresses(lab, netns, 'eth0', `${address}/24`)
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
  if (bridge) lab.rtnetlink(node).setLink(port, { master: bridge })
  const gateway = ip(address.replace(/\d+$/, '1'))
  addAddresses(lab, pod, 'eth0', `${address}/32`)
  if (!bridge) {
    addAddresses(lab, node, port, `${gateway}/32`)
    addRoutes(lab, node, `${address}/32`, { device: port })
  }
  for (const family of FAMILIES) {
    const route = { family, gateway: inFamily(family, gateway), device: 'eth0', onlink: true }
    lab.rtnetlink(pod).replaceRoute(route)
  }
  return pod
}

/** One of IPv4 and its like of IPv6. By netlink: on an emulated machine each process costs half a second. */
function addAddresses(lab: Lab, netns: Netns, device: string, address: string): void {
  for (const family of FAMILIES) {
    const parsed = parseInterfaceAddress(inFamily(family, address))!
    lab.rtnetlink(netns).replaceAddress({ device, address: parsed })
  }
}

function addRoutes(
  lab: Lab,
  netns: Netns,
  destination: string,
  { gateway, device }: { readonly gateway?: string; readonly device?: string },
): void {
  for (const family of FAMILIES) {
    lab.rtnetlink(netns).replaceRoute({
      family,
      destination: cidr(inFamily(family, destination)),
      ...(gateway && { gateway: ip(inFamily(family, gateway)) }),
      ...(device && { device, ...(family === 4 && { scope: 'link' as const }) }),
    })
  }
}
