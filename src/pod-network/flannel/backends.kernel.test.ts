import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createCluster } from '../testing/cluster.ts'
import { ping, serveWhoAmI, whoAmI } from '../testing/who-am-i.ts'
import { CLUSTER_BACKENDS, createBackend } from './create-backend.ts'

/** Of the pods' interfaces on an underlay of 1500: facts/pod-network.md 3.4, "MTU (subnet.env)". */
const MTU = { vxlan: 1450, 'host-gw': 1500, udp: 1472 } as const
/** What a ping that passed two nodes has left of 64; the relay counts as a hop, both as sender and as receiver (proxy_amd64.c). */
const TTL = { vxlan: 62, 'host-gw': 62, udp: 60 } as const

suite('each backend connects pods, nodes and pods of other nodes, under their own addresses', () => {
  for (const type of CLUSTER_BACKENDS) {
    test(type, async () => {
      using lab = createLab()
      const backend = () => createBackend({ type, options: {} })
      await using cluster = await createCluster(lab, 2, { backend })
      const [a, b, c] = [
        await cluster.addPod(1, 'a'),
        await cluster.addPod(2, 'b'),
        await cluster.addPod(1, 'c'),
      ]
      const [node1, node2] = [cluster.members[0]!.netns, cluster.members[1]!.netns]
      await waitFor(() => ping(lab, a.netns, b.address).status === 0, { what: 'the network' })
      for (const netns of [a.netns, b.netns, node2, cluster.outside]) await serveWhoAmI(lab, netns)
      // What a node sends into a tunnel comes from the tunnel's own address, the first of its subnet.
      const tunnel = type === 'host-gw' ? '172.30.0.11' : '10.244.1.0'
      const flows = [
        { name: 'pod → pod elsewhere', from: a.netns, to: b.address, seen: a.address },
        { name: 'and back', from: b.netns, to: a.address, seen: b.address },
        { name: 'pod → pod of its node', from: c.netns, to: a.address, seen: c.address },
        { name: 'pod → other node', from: a.netns, to: '172.30.0.12', seen: a.address },
        { name: 'node → pod elsewhere', from: node1, to: b.address, seen: tunnel },
        { name: 'node → own pod', from: node2, to: b.address, seen: '10.244.2.1' },
        { name: 'pod → outside', from: c.netns, to: '172.30.0.254', seen: '172.30.0.11' },
      ]
      for (const { name, from, to, seen } of flows) assert.equal(whoAmI(lab, from, to), seen, name)
      assert.match(ping(lab, a.netns, b.address).stdout, new RegExp(`ttl=${TTL[type]}`))
      const { mtuBytes } = await cluster.subnetOf(1)
      assert.equal(mtuBytes, MTU[type])
      // Whole packets of the pods' MTU pass: less 20 (IP) and 8 (ICMP).
      const whole = ['ping', '-c1', '-W1', '-Mdo', `-s${mtuBytes - 28}`, b.address]
      assert.equal(lab.exec(a.netns, whole).status, 0)
    })
  }
})
