import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { CLUSTER_BACKENDS, createBackend } from './flannel/create-backend.ts'
import { createCluster, nodeObject } from './testing/cluster.ts'
import { ping } from './testing/who-am-i.ts'

type Cluster = Awaited<ReturnType<typeof createCluster>>

/** Two seconds are promised, and what is measured is told; a busy machine that is three times slower has three times as long. */
const HEALED_MS = 6000

/** As much as the pods' own MTU lets pass in one packet, and no more: 20 bytes of IP and 8 of ICMP are not payload. */
function passesWhole(lab: Lab, from: Netns, to: string, mtuBytes: number): boolean {
  const argv = ['ping', '-c1', '-W0.5', '-Mdo', `-s${mtuBytes - 28}`, to]
  return lab.exec(from, argv).status === 0
}

/** Ways to cut node2 off, and to join it again. */
const partitions: readonly {
  readonly name: string
  readonly cut: (lab: Lab, cluster: Cluster) => void
  readonly join: (lab: Lab, cluster: Cluster) => void
}[] = [
  {
    name: 'its own link is set down, which takes its routes',
    cut: (_, { members }) => members[1]!.rtnetlink.setLink('eth0', { up: false }),
    join: (_, { members }) => members[1]!.rtnetlink.setLink('eth0', { up: true }),
  },
  {
    name: 'the switch takes its carrier',
    cut: (lab, { lan }) => lab.rtnetlink(lan).setLink('node2', { up: false }),
    join: (lab, { lan }) => lab.rtnetlink(lan).setLink('node2', { up: true }),
  },
  {
    name: 'packets are lost in silence',
    cut: (lab, { lan }) => void lab.exec(lan, ['ip', 'link', 'set', 'dev', 'node2', 'nomaster']),
    join: (lab, { lan }) =>
      void lab.exec(lan, ['ip', 'link', 'set', 'dev', 'node2', 'master', 'br0']),
  },
]

suite('a node that is cut off is back within two seconds of its joining again', () => {
  for (const type of CLUSTER_BACKENDS) {
    test(type, async (context) => {
      using lab = createLab()
      const backend = () => createBackend({ type, options: {} })
      await using cluster = await createCluster(lab, 3, { backend })
      const pods = [
        await cluster.addPod(1, 'a'),
        await cluster.addPod(2, 'b'),
        await cluster.addPod(3, 'c'),
      ]
      const [a, b, c] = pods as [(typeof pods)[0], (typeof pods)[0], (typeof pods)[0]]
      const reaches = (from: Netns, to: string) => ping(lab, from, to).status === 0
      const isWhole = () =>
        [b, c].every(({ address }) => reaches(a.netns, address)) && reaches(b.netns, a.address)
      await waitFor(isWhole, { what: 'the network' })
      for (const { name, cut, join: rejoin } of partitions) {
        cut(lab, cluster)
        assert.equal(reaches(a.netns, b.address), false, name)
        assert.equal(reaches(b.netns, a.address), false, name)
        assert.ok(reaches(a.netns, c.address), `${name}: the others are together`)
        rejoin(lab, cluster)
        const since = performance.now()
        await waitFor(isWhole, { what: `traffic after ${name}`, timeoutMs: HEALED_MS })
        context.diagnostic(`${name}: back after ${(performance.now() - since).toFixed(0)} ms`)
      }
    })
  }
})

suite("the underlay's MTU changes under way", () => {
  // facts/pod-network.md 3.4: what each backend takes of a packet.
  for (const { type, overhead } of [
    { type: 'vxlan', overhead: 50 },
    { type: 'udp', overhead: 28 },
    { type: 'host-gw', overhead: 0 },
  ]) {
    test(type, async () => {
      using lab = createLab()
      const backend = () => createBackend({ type, options: {} })
      await using cluster = await createCluster(lab, 2, { backend })
      for (const underlay of [1400, 9000]) {
        for (const { netns } of cluster.members)
          lab.exec(netns, ['ip', 'link', 'set', 'eth0', 'mtu', String(underlay)])
        for (const port of ['node1', 'node2', 'br0'])
          lab.exec(cluster.lan, ['ip', 'link', 'set', port, 'mtu', String(underlay)])
        const wanted = underlay - overhead
        for (const n of [1, 2]) {
          const file = () => readFileSync(join(lab.folder, `subnet${n}.env`), 'utf8')
          await waitFor(() => file().includes(`FLANNEL_MTU=${wanted}\n`), { what: 'subnet.env' })
        }
        const [from, to] = [
          await cluster.addPod(1, `from${underlay}`),
          await cluster.addPod(2, `to${underlay}`),
        ]
        assert.equal(lab.rtnetlink(from.netns).link('eth0')?.mtuBytes, wanted)
        await waitFor(() => passesWhole(lab, from.netns, to.address, wanted), {
          what: `whole packets of ${wanted} bytes`,
        })
        const { stderr, stdout } = lab.exec(from.netns, [
          ...['ping', '-c1', '-W0.5', '-Mdo', `-s${wanted - 27}`, to.address],
        ])
        assert.match(stdout + stderr, new RegExp(`message too long, mtu=${wanted}`))
        // A bridge passes what the smallest of its ports takes: pods of before keep larger packets of others out.
        for (const { netns } of [from, to]) lab.rtnetlink(netns).deleteLink('eth0')
      }
    })
  }
})

suite('a node is replaced by another machine of its name, with another address and another MAC', () => {
  for (const { name, podCIDR } of [
    { name: 'and the same subnet', podCIDR: '10.244.2.0/24' },
    { name: 'and another subnet', podCIDR: '10.244.9.0/24' },
  ]) {
    test(name, async () => {
      using lab = createLab()
      await using cluster = await createCluster(lab, 3)
      const [a, b] = [await cluster.addPod(1, 'a'), await cluster.addPod(2, 'b')]
      await waitFor(() => ping(lab, a.netns, b.address).status === 0, { what: 'the network' })
      const macOf = () => cluster.members[1]!.rtnetlink.link('flannel.1')!.mac
      const before = { mac: macOf(), netns: cluster.members[1]!.netns }
      const node = { ...nodeObject(2), spec: { podCIDR, podCIDRs: [podCIDR] } }
      await cluster.replaceNode(2, ip('172.30.0.77'), node, () =>
        createBackend({ type: 'vxlan', options: { MacPrefix: '0e-2a' } }),
      )
      assert.notEqual(macOf(), before.mac)
      const again = await cluster.addPod(2, 'again')
      for (const from of [a, await cluster.addPod(3, 'c')])
        await waitFor(() => ping(lab, from.netns, again.address).status === 0, {
          what: 'the new node',
          timeoutMs: HEALED_MS,
        })
      assert.equal(ping(lab, again.netns, a.address).status, 0)
      // What the others hold of it is the new, whole, and nothing else.
      for (const { rtnetlink } of [cluster.members[0]!, cluster.members[2]!]) {
        const on = <T extends { readonly device?: string | undefined }>(entries: readonly T[]) =>
          entries.filter(({ device }) => device === 'flannel.1')
        const network = podCIDR.replace('/24', '')
        const peers = on(rtnetlink.fdb()).filter(({ destination }) => destination)
        assert.deepEqual(
          peers
            .map((it) => `${it.mac} ${it.destination}`)
            .filter((it) => /0e:2a|\.12$|\.77$/.test(it)),
          [`${macOf()} 172.30.0.77`],
        )
        assert.equal(peers.length, 2)
        const neighbours = on(rtnetlink.neighbours()).filter(({ state }) => state === 'permanent')
        assert.equal(neighbours.length, 2)
        assert.equal(neighbours.find((it) => it.ip === network)?.mac, macOf())
        const routes = rtnetlink.routes().filter(({ protocol }) => protocol === 241)
        assert.equal(routes.length, 2)
        assert.ok(routes.some((it) => it.destination && formatCIDR(it.destination) === podCIDR))
        assert.doesNotMatch(
          JSON.stringify([peers, neighbours, routes]),
          new RegExp(String(before.mac)),
        )
      }
    })
  }
})
