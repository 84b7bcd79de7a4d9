import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import type { Status } from '#api/meta.ts'
import { type API, APIStatusError } from '#client/api.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { cidr } from '#ip/cidr.ts'
import { silentLog } from '#log/log.ts'
import { nodeSubnetController } from './controller.ts'

interface Settings {
  readonly nodes: readonly Node[]
  /** Of the pod networks; the second is IPv6's. */
  readonly ranges?: readonly { readonly clusterCIDR: string; readonly nodeMask: number }[]
  /** How often a patch fails, and with which status. */
  readonly failures?: { readonly times: number; readonly code: number }
}

const RANGES = [
  { clusterCIDR: '10.244.0.0/16', nodeMask: 24 },
  { clusterCIDR: 'fd00:10:244::/56', nodeMask: 64 },
]

/** A controller over nodes that are held here: above the protocol, no HTTP. */
function create({ nodes, ranges = RANGES, failures = { times: 0, code: 500 } }: Settings) {
  const held = new Map(nodes.map((node) => [node.metadata.name, node]))
  const said: string[] = []
  let patches = 0
  const informer = {
    synced: Promise.resolve(),
    list: () => [...held.values()],
    get: ({ name }: { name: string }) => held.get(name),
    remember: (node: Node) => void held.set(node.metadata.name, node),
  } as unknown as WriteThroughInformer<Node>
  const api = {
    async patch(_: unknown, { name }: { name: string }, type: string, { spec }: Node) {
      assert.equal(type, 'merge')
      patches++
      if (patches <= failures.times) throw new APIStatusError(statusOf(failures.code))
      return { ...held.get(name)!, spec }
    },
  } as unknown as API
  const events = {
    event: (object: Node, type: string, reason: string, message: string) =>
      said.push(`${object.metadata.name} ${type} ${reason}: ${message}`),
  } as unknown as EventRecorder
  const options = {
    ranges: ranges.map((range) => ({ ...range, clusterCIDR: cidr(range.clusterCIDR) })),
    reserved: [cidr('10.96.0.0/16')],
  }
  const deps = { api, nodes: informer, events, log: silentLog }
  const controller = () => nodeSubnetController(deps, options)
  const podCIDRs = () =>
    Object.fromEntries([...held].map(([name, { spec }]) => [name, spec?.podCIDRs ?? []]))
  return { controller, held, said, podCIDRs, patches: () => patches }
}

const statusOf = (code: number): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  code,
})
const node = (name: string): Node => ({ metadata: { name } })
const ALL = { name: 'nodes' }

// Rules, event reasons and texts: facts/pod-network.md 4.1, pkg/controller/nodeipam/ipam/range_allocator.go,
// controllerutil.RecordNodeStatusChange().
suite('nodeSubnetController()', () => {
  test('gives each node a subnet of each family, once', async () => {
    const { controller, podCIDRs, patches, held } = create({ nodes: [node('a'), node('b')] })
    const one = controller()
    await one.reconcile(ALL)
    await one.reconcile(ALL)
    assert.deepEqual(podCIDRs(), {
      a: ['10.244.0.0/24', 'fd00:10:244::/64'],
      b: ['10.244.1.0/24', 'fd00:10:244:1::/64'],
    })
    assert.equal(held.get('a')?.spec?.podCIDR, '10.244.0.0/24')
    assert.equal(patches(), 2)
  })

  test('occupies, after a restart, what nodes have', async () => {
    const { controller, podCIDRs, held } = create({ nodes: [node('a'), node('b')] })
    await controller().reconcile(ALL)
    held.set('c', node('c'))
    await controller().reconcile(ALL)
    assert.deepEqual(podCIDRs().c, ['10.244.2.0/24', 'fd00:10:244:2::/64'])
  })

  test('goes on from the last subnet, not to one that was just released', async () => {
    const { controller, podCIDRs, held } = create({ nodes: [node('a'), node('b')] })
    const one = controller()
    await one.reconcile(ALL)
    held.delete('a')
    held.set('c', node('c'))
    await one.reconcile(ALL)
    assert.deepEqual(podCIDRs().c, ['10.244.2.0/24', 'fd00:10:244:2::/64'])
  })

  test('says of a node that none is left', async () => {
    const ranges = [{ clusterCIDR: '10.244.0.0/24', nodeMask: 24 }]
    const { controller, podCIDRs, said } = create({ nodes: [node('a'), node('b')], ranges })
    await controller().reconcile(ALL)
    assert.deepEqual(podCIDRs(), { a: ['10.244.0.0/24'], b: [] })
    assert.deepEqual(said, ['b Normal CIDRNotAvailable: Node b status is now: CIDRNotAvailable'])
  })

  test('tries a patch three times', async () => {
    const failures = { times: 2, code: 500 }
    const { controller, podCIDRs, said } = create({ nodes: [node('a')], failures })
    await controller().reconcile(ALL)
    assert.equal(podCIDRs().a?.length, 2)
    assert.deepEqual(said, [])
  })

  test('and then says that it failed; the subnet is not lost', async () => {
    const failures = { times: 3, code: 500 }
    const { controller, podCIDRs, said } = create({ nodes: [node('a')], failures })
    const one = controller()
    await assert.rejects(async () => await one.reconcile(ALL))
    assert.deepEqual(said, [
      'a Normal CIDRAssignmentFailed: Node a status is now: CIDRAssignmentFailed',
    ])
    await one.reconcile(ALL)
    assert.deepEqual(podCIDRs().a, ['10.244.0.0/24', 'fd00:10:244::/64'])
  })

  test('says nothing of a node that is gone', async () => {
    const failures = { times: 1, code: 404 }
    const { controller, said } = create({ nodes: [node('a')], failures })
    await controller().reconcile(ALL)
    assert.deepEqual(said, [])
  })

  test('refuses masks that cannot work', () => {
    const ranges = [{ clusterCIDR: 'fd00::/32', nodeMask: 64 }]
    assert.throws(() => create({ nodes: [], ranges }).controller(), /node CIDR size is too big/)
  })
})
