import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import { createVXLAN, VXLAN_DEFAULTS } from '#pod-network/flannel/vxlan/plan-vxlan.ts'
import { createLab } from '#testing/netns.ts'
import { createPodNetworkLab } from './testing/pod-network-lab.ts'
import { ECHO_PORT, type End } from './testing/reach.ts'

const HOST_PORT = 8088

type Who =
  | 'outside'
  | 'the node itself'
  | 'another node'
  | 'a pod next door'
  | 'a pod elsewhere'
  | 'the pod itself'

/** What the pod sees of who asks. Only its own packets, which would come straight back, take the node's address (portmap's hairpin). */
const rows: readonly { readonly name: Who; readonly seen: 'its own address' | "the node's" }[] = [
  { name: 'outside', seen: 'its own address' },
  { name: 'the node itself', seen: 'its own address' },
  { name: 'another node', seen: 'its own address' },
  { name: 'a pod next door', seen: 'its own address' },
  { name: 'a pod elsewhere', seen: 'its own address' },
  { name: 'the pod itself', seen: "the node's" },
]

suite('a hostPort', () => {
  const stack = new AsyncDisposableStack()
  let ends: Readonly<Record<Who, readonly End[]>>
  let nodeIPs: readonly IP[]
  let otherIPs: readonly IP[]
  let ofNode: readonly IP[]

  before(async () => {
    const lab = stack.use(createLab())
    const backend = createVXLAN(VXLAN_DEFAULTS)
    const options = { backend, underlay: 'flat', ipFamily: 'dual', nodes: 2 } as const
    const cluster = stack.use(await createPodNetworkLab(lab, options))
    const [node1, node2] = cluster.members
    const mapping = { hostPort: HOST_PORT, containerPort: ECHO_PORT, protocol: 'udp' } as const
    const server = await cluster.addPod('node1', 'server', [mapping])
    const neighbour = await cluster.addPod('node1', 'neighbour')
    const remote = await cluster.addPod('node2', 'remote')
    ends = {
      outside: await cluster.open(cluster.outside, cluster.plan.outside),
      'the node itself': await cluster.open(node1!, node1!.ips),
      'another node': await cluster.open(node2!, node2!.ips),
      'a pod next door': await cluster.open(neighbour, neighbour.ips),
      'a pod elsewhere': await cluster.open(remote, remote.ips),
      'the pod itself': await cluster.open(server, server.ips),
    }
    nodeIPs = node1!.ips
    otherIPs = node2!.ips
    const { netns } = node1!
    ofNode = lab
      .rtnetlink(netns)
      .addresses()
      .map(({ address }) => address.address)
  })
  after(() => stack.disposeAsync())

  const of = (family: Family, ips: readonly IP[]) => ips.find((ip) => familyOf(ip) === family)!
  for (const family of [4, 6] as const) {
    for (const { name, seen } of rows) {
      test(`leads ${name} to the pod, IPv${family}`, async () => {
        const end = ends[name].find(({ address }) => familyOf(address) === family)!
        const nodeIP = of(family, nodeIPs)
        const reply = await end.ask(nodeIP, HOST_PORT, 5000)
        assert.equal(reply?.from, nodeIP)
        if (seen === 'its own address') assert.equal(reply.seen, end.address)
        else assert.ok(ofNode.includes(reply.seen), reply.seen)
      })
    }

    test(`is open on the pod's own node only, IPv${family}`, async () => {
      const end = ends.outside.find(({ address }) => familyOf(address) === family)!
      assert.equal(await end.ask(of(family, otherIPs), HOST_PORT, 300), undefined)
    })
  }
})
