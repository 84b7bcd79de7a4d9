import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Node, Service } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { type Family, familyOf, type IP, ip } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLog, type Log, silentLog } from '#log/log.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { askInItsName } from './announce-takeover.ts'
import { ROUTE_PROTOCOL } from './plan-announcement.ts'
import { runAnnouncer } from './run-announcer.ts'

/** Of each family an address that node1 is elected for: printf 'node1#172.30.0.200' | sha256sum, and so on, is less than node2's. */
const VIPS = { 4: ip('172.30.0.200'), 6: ip('fd00:172:30::200') } as const

/** Two nodes and a host outside on one link. What a node gets for the address it answers itself, as the proxy would have it. */
function createCluster(family: Family = 4, { byIPVS = false } = {}) {
  const vip = VIPS[family]
  const lab = createLab()
  const lan = lab.netns('lan')
  lab.exec(lan, ['ip', 'link', 'add', 'br0', 'up', 'type', 'bridge'])
  const join = (name: string, address: string) => {
    const netns = lab.netns(name)
    lab.connect(
      { netns: lan, device: `port-${name}` },
      { netns, device: 'eth0', address: `${address}/${family === 4 ? 24 : 64}` },
    )
    lab.exec(lan, ['ip', 'link', 'set', `port-${name}`, 'master', 'br0'])
    return netns
  }
  const host = (digits: number) => `${family === 4 ? '172.30.0.' : 'fd00:172:30::'}${digits}`
  const outside = join('outside', host(254))
  const nodes = new Map(
    [host(11), host(12)].map((address, i) => {
      const name = `node${i + 1}`
      const netns = join(name, address)
      furnishNode(lab, netns, { address, vip })
      if (byIPVS) bindAsIPVS(lab, netns, vip)
      return [name, netns] as const
    }),
  )
  const macOf = (netns: Netns) => lab.rtnetlink(netns).link('eth0')?.mac
  return {
    vip,
    lab,
    outside,
    nodes,
    api: createFakeAPI(),
    /** Who the outside thinks has the address. */
    holder() {
      const seen = lab
        .rtnetlink(outside)
        .neighbours()
        .find((one) => one.ip === vip)?.mac
      return [...nodes].find(([, netns]) => seen !== undefined && macOf(netns) === seen)?.[0]
    },
    pings: () => lab.exec(outside, ['ping', '-n', '-c', '1', '-W', '1', vip]).status === 0,
    /** Those who answer a question for the address, asked anew. */
    answers: (name: string) =>
      lab
        .rtnetlink(nodes.get(name)!)
        .neighbours()
        .some((one) => one.ip === vip && one.proxy),
  }
}

/** As layer 1 furnishes it (plan-underlay.ts). */
function furnishNode(
  lab: Lab,
  netns: Netns,
  { address, vip }: { readonly address: string; readonly vip: IP },
): void {
  const family = familyOf(vip)
  writeSysctl('net.ipv4.ip_forward', 1, netns)
  writeSysctl(`net.ipv${family}.neigh.eth0.proxy_delay`, 0, netns)
  if (family === 6) {
    writeSysctl('net.ipv6.conf.all.forwarding', 1, netns)
    for (const name of ['proxy_ndp', 'ndisc_notify'])
      writeSysctl(`net.ipv6.conf.eth0.${name}`, 1, netns)
  }
  lab.rtnetlink(netns).addLink({ kind: 'bridge', name: 'cni0', up: true })
  const table = family === 4 ? 'ip' : 'ip6'
  const rule = `${table} daddr ${vip} dnat to ${address}`
  const script = `table ${table} lab {\n chain pre {\n type nat hook prerouting priority -100;\n ${rule}\n }\n}\n`
  lab.exec(netns, ['nft', '-f', '-'], { input: script })
}

/** What kube-proxy's ipvs mode does to each node, with strictARP (k/k pkg/proxy/ipvs/proxier.go). */
function bindAsIPVS(lab: Lab, netns: Netns, vip: IP): void {
  writeSysctl('net.ipv4.conf.all.arp_ignore', 1, netns)
  writeSysctl('net.ipv4.conf.all.arp_announce', 2, netns)
  const prefixLength = familyOf(vip) === 4 ? 32 : 128
  // A dummy in truth, which not every kernel has; all that counts is whose address it is.
  lab.rtnetlink(netns).addLink({ kind: 'bridge', name: 'kube-ipvs0' })
  lab.rtnetlink(netns).replaceAddress({
    device: 'kube-ipvs0',
    address: { address: vip, prefixLength },
  })
}

type Cluster = ReturnType<typeof createCluster>

/** Stops with the scope; what it did to the node stays. */
function announce(
  { lab, nodes, api }: Cluster,
  nodeName: string,
  log: Log = silentLog,
): AsyncDisposable {
  const abort = new AbortController()
  const { signal } = abort
  const netns = nodes.get(nodeName)!
  const deps = {
    services: createInformer(api, resources.services, signal),
    nodes: createInformer(api, resources.nodes, signal),
    slices: createInformer(api, resources.endpointSlices, signal),
    rtnetlink: lab.rtnetlink(netns),
    log,
    netns,
  }
  const nodeIPs = lab
    .rtnetlink(netns)
    .addresses()
    .flatMap(({ device, address }) =>
      device === 'eth0' && !address.address.startsWith('fe80') ? [address.address] : [],
    )
  const running = runAnnouncer(deps, { nodeName, nodeIPs }, signal)
  return {
    async [Symbol.asyncDispose]() {
      abort.abort()
      await running
    },
  }
}

const serviceAt = (vip: IP): Service => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: { type: 'LoadBalancer' },
  status: { loadBalancer: { ingress: [{ ip: vip, ipMode: 'VIP' }] } },
})

const nodeOf = (name: string, ready: 'True' | 'False'): Node => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: ready }] },
})

/**
 * loadBalancerSourceRanges name nodes by their addresses, not by those of their links. Source of the choice: ip-route(8), `src`. The route
 * itself is looked at, since the address is on the link while others are told of it.
 */
function assertSpeaksAsItself({ lab, nodes, vip }: Cluster, nodeName: string): void {
  const routes = lab.rtnetlink(nodes.get(nodeName)!).routes()
  const own = familyOf(vip) === 4 ? '172.30.0.11' : 'fd00:172:30::11'
  assert.equal(routes.find(({ protocol }) => protocol === ROUTE_PROTOCOL)?.source, own)
}

suite('a LoadBalancer address', () => {
  for (const family of [4, 6] as const) {
    test(`is answered by one node, and moves with news to those who knew it, IPv${family}`, () =>
      moves(family))
    test(`also where ipvs mode with strictARP has it on every node, IPv${family}`, () =>
      moves(family, { byIPVS: true }))
  }

  async function moves(family: Family, { byIPVS = false } = {}): Promise<void> {
    const cluster = createCluster(family, { byIPVS })
    using _ = cluster.lab
    const { api } = cluster
    await api.create(resources.nodes, nodeOf('node1', 'True'))
    await api.create(resources.nodes, nodeOf('node2', 'True'))
    await api.create(resources.services, serviceAt(cluster.vip))
    await using _one = announce(cluster, 'node1')
    await using _two = announce(cluster, 'node2')
    // By sha256: model.test.ts.
    await waitFor(() => cluster.answers('node1'), { what: 'node1 to answer' })
    assert.ok(cluster.pings())
    assert.equal(cluster.holder(), 'node1')
    assert.ok(!cluster.answers('node2'))
    assertSpeaksAsItself(cluster, 'node1')

    // The peer's entry is fresh: without news it would trust it for more than 30 s (facts/external-access.md 6).
    const started = performance.now()
    await api.update(resources.nodes, nodeOf('node1', 'False'), 'status')
    await waitFor(() => cluster.holder() === 'node2', {
      what: 'the outside to hear of node2',
    })
    assert.ok(cluster.pings())
    assert.ok(performance.now() - started < 25_000)
    assert.ok(!cluster.answers('node1'))
    // The address was borrowed for the news only.
    const rtnetlink = cluster.lab.rtnetlink(cluster.nodes.get('node2')!)
    const holds = () =>
      rtnetlink
        .addresses()
        .some(({ device, address }) => device === 'eth0' && address.address === cluster.vip)
    const isBound = cluster.vip === VIPS[4] && rtnetlink.link('kube-ipvs0') !== undefined
    if (isBound) {
      assert.ok(holds(), 'ARP is answered for what the link itself has')
      rtnetlink.deleteLink('kube-ipvs0')
    }
    await waitFor(() => !holds(), {
      what: 'the address to be given back',
    })
    assert.ok(cluster.pings())

    await api.delete(resources.services, { namespace: 'default', name: 'web' })
    await waitFor(() => !cluster.answers('node2'), { what: 'node2 to stop' })
    for (const netns of cluster.nodes.values()) {
      const routes = cluster.lab.rtnetlink(netns).routes()
      assert.deepEqual(
        routes.filter(({ protocol }) => protocol === ROUTE_PROTOCOL),
        [],
      )
    }
  }

  test('outlives its announcer; the next one takes away what is not wanted any more', async () => {
    const cluster = createCluster()
    using _ = cluster.lab
    const { api } = cluster
    await api.create(resources.nodes, nodeOf('node1', 'True'))
    await api.create(resources.services, serviceAt(cluster.vip))
    {
      await using _one = announce(cluster, 'node1')
      await waitFor(() => cluster.answers('node1'), { what: 'node1 to answer' })
    }
    assert.ok(cluster.pings())
    await api.delete(resources.services, { namespace: 'default', name: 'web' })
    await using _again = announce(cluster, 'node1')
    await waitFor(() => !cluster.answers('node1'), { what: 'node1 to stop' })
    cluster.lab.rtnetlink(cluster.outside).deleteNeighbour({ device: 'eth0', ip: cluster.vip })
    assert.ok(!cluster.pings())
  })

  test('is told of without a raw socket too', async () => {
    const cluster = createCluster()
    using _ = cluster.lab
    await cluster.api.create(resources.nodes, nodeOf('node1', 'True'))
    await cluster.api.create(resources.services, serviceAt(cluster.vip))
    await using _one = announce(cluster, 'node1')
    await waitFor(() => cluster.pings(), { what: 'node1 to answer' })
    assert.equal(cluster.holder(), 'node1')
    const netns = cluster.nodes.get('node2')!
    const options = { rtnetlink: cluster.lab.rtnetlink(netns), device: 'eth0', netns }
    // The entry must be a second old (`locktime`).
    const tell = async () => {
      await askInItsName(cluster.vip, options)
      return cluster.holder() === 'node2'
    }
    await waitFor(tell, { what: 'the outside to hear of node2' })
  })

  test("waits for the pods' bridge, without a word", async () => {
    const cluster = createCluster()
    using _ = cluster.lab
    const rtnetlink = cluster.lab.rtnetlink(cluster.nodes.get('node1')!)
    rtnetlink.deleteLink('cni0')
    await cluster.api.create(resources.nodes, nodeOf('node1', 'True'))
    await cluster.api.create(resources.services, serviceAt(cluster.vip))
    const lines: string[] = []
    const log = createLog('announcer', (line) => lines.push(line))
    await using _one = announce(cluster, 'node1', log)
    // Others come before it: each is news.
    for (const name of ['dummy0', 'dummy1']) {
      cluster.lab.exec(cluster.nodes.get('node1')!, ['ip', 'link', 'add', name, 'type', 'dummy'])
      await pause(200)
    }
    rtnetlink.addLink({ kind: 'bridge', name: 'cni0', up: true })
    await waitFor(() => cluster.answers('node1'), { what: 'node1 to answer' })
    assert.ok(cluster.pings())
    assert.deepEqual(
      lines.map((line) => line.split(' ').slice(1, 3).join(' ')),
      ['info announcer:'],
      lines.join(''),
    )
  })
})
