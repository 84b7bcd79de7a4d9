import assert from 'node:assert/strict'
import type { Netns } from '#kernel/netns/netns.ts'
import { createLab } from '#testing/netns.ts'
import { timeFactor, waitFor } from '#testing/wait-for.ts'
import type { Backend } from '../flannel/backend.ts'
import { createCluster } from './cluster.ts'
import { ping, serveWhoAmI, whoAmI } from './who-am-i.ts'

export interface BackendFlows {
  /** One for each node. */
  readonly backend: () => Backend
  /** Of the pods' interfaces on an underlay of 1500. */
  readonly mtuBytes: number
  /** What a ping that passed two nodes has left of 64. */
  readonly ttl: number
  /** Damages what the kernel tells nobody of, in the first node's namespace: packets pass again. */
  readonly damages?: readonly ((netns: Netns) => void)[]
  /** What a node's own packets to pods elsewhere come from. */
  readonly nodeSeenAs: string
}

/** Two nodes over a backend: pods, nodes and pods of other nodes reach each other under their own addresses, with whole packets. */
export async function checkFlows({
  backend,
  mtuBytes,
  ttl,
  nodeSeenAs,
  damages = [],
}: BackendFlows): Promise<void> {
  using lab = createLab()
  await using cluster = await createCluster(lab, 2, { backend })
  const [a, b, c] = [
    await cluster.addPod(1, 'a'),
    await cluster.addPod(2, 'b'),
    await cluster.addPod(1, 'c'),
  ]
  const [node1, node2] = [cluster.members[0]!.netns, cluster.members[1]!.netns]
  await waitFor(() => ping(lab, a.netns, b.address).status === 0, { what: 'the network' })
  for (const netns of [a.netns, b.netns, node2, cluster.outside]) await serveWhoAmI(lab, netns)
  const flows = [
    { name: 'pod → pod elsewhere', from: a.netns, to: b.address, seen: a.address },
    { name: 'and back', from: b.netns, to: a.address, seen: b.address },
    { name: 'pod → pod of its node', from: c.netns, to: a.address, seen: c.address },
    { name: 'pod → other node', from: a.netns, to: '172.30.0.12', seen: a.address },
    { name: 'node → pod elsewhere', from: node1, to: b.address, seen: nodeSeenAs },
    { name: 'node → own pod', from: node2, to: b.address, seen: '10.244.2.1' },
    { name: 'pod → outside', from: c.netns, to: '172.30.0.254', seen: '172.30.0.11' },
  ]
  for (const { name, from, to, seen } of flows) assert.equal(whoAmI(lab, from, to), seen, name)
  assert.match(ping(lab, a.netns, b.address).stdout, new RegExp(`ttl=${ttl}`))
  assert.equal((await cluster.subnetOf(1)).mtuBytes, mtuBytes)
  // Whole packets of the pods' MTU pass: less 20 (IP) and 8 (ICMP).
  const whole = ['ping', '-c1', `-W${timeFactor}`, '-Mdo', `-s${mtuBytes - 28}`, b.address]
  assert.equal(lab.exec(a.netns, whole).status, 0)
  for (const damage of damages) {
    damage(node1)
    const since = performance.now()
    assert.notEqual(ping(lab, a.netns, b.address).status, 0, 'the damage is none')
    await waitFor(() => ping(lab, a.netns, b.address).status === 0, { what: 'the repair' })
    // Everything is compared every 30 s: it was seen before, also where all is ten times slower.
    assert.ok(performance.now() - since < 25_000)
  }
}
