import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { type KernelChange, watchChanges } from './watch-changes.ts'

const changes: readonly {
  readonly what: string
  readonly argv: readonly string[]
  readonly kind: KernelChange['kind']
}[] = [
  { what: 'a link', argv: ['ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'v1'], kind: 'link' },
  { what: 'a state', argv: ['ip', 'link', 'set', 'v0', 'up'], kind: 'link' },
  { what: 'an address', argv: ['ip', 'addr', 'add', '10.0.0.1/24', 'dev', 'v0'], kind: 'address' },
  {
    what: 'an IPv6 address',
    argv: ['ip', 'addr', 'add', 'fd00::1/64', 'dev', 'v0'],
    kind: 'address',
  },
  { what: 'a route', argv: ['ip', 'route', 'add', 'blackhole', '10.9.0.0/16'], kind: 'route' },
  { what: 'an IPv6 route', argv: ['ip', 'route', 'add', 'blackhole', 'fd09::/16'], kind: 'route' },
  {
    what: 'a neighbour',
    argv: ['ip', 'neigh', 'add', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'v0'],
    kind: 'neighbour',
  },
  {
    what: 'an FDB entry',
    argv: [
      'sh',
      '-c',
      'ip link add x0 type vxlan id 1 dstport 8472 && bridge fdb add 02:00:00:00:00:02 dev x0 dst 10.0.0.2',
    ],
    kind: 'neighbour',
  },
  { what: 'a table', argv: ['nft', 'add', 'table', 'ip', 'filters'], kind: 'nftables' },
  { what: 'a chain', argv: ['nft', 'add', 'chain', 'ip', 'filters', 'a'], kind: 'nftables' },
  {
    what: 'a rule',
    argv: ['nft', 'add', 'rule', 'ip', 'filters', 'a', 'accept'],
    kind: 'nftables',
  },
]

suiteOnEachBackend('watchChanges()', (backend) => {
  test('tells of every kind of change, and stops', async () => {
    using lab = createLab()
    const netns = lab.netns('a')
    let seen: KernelChange[] = []
    using watch = watchChanges((change) => seen.push(change), netns)
    // Commands need a while until they listen.
    if (backend === 'command')
      await waitFor(
        () => {
          lab.exec(netns, [
            'sh',
            '-c',
            'nft add table ip first; nft delete table ip first; ip link set lo down; ip link set lo up',
          ])
          return seen.length > 2
        },
        { what: 'watchers' },
      )
    for (const { what, argv, kind } of changes) {
      seen = []
      assert.equal(lab.exec(netns, argv).status, 0, what)
      const wanted = backend === 'ffi' ? kind : 'anything'
      await waitFor(() => seen.some((change) => change.kind === wanted), { what })
    }
    if (backend === 'ffi') assert.deepEqual(seen.at(-1), { kind: 'nftables', table: 'filters' })
    watch[Symbol.dispose]()
    await new Promise((resolve) => setTimeout(resolve, 20))
    seen = []
    lab.exec(netns, ['ip', 'link', 'del', 'v0'])
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual(seen, [])
  })
})

if (process.getBuiltinModule('node:ffi'))
  test('watchChanges() says so when it could not hear all', async () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const seen = new Set<KernelChange['kind']>()
    using _watch = watchChanges((change) => seen.add(change.kind), netns)
    const routes = Array.from(
      { length: 4000 },
      (_, i) => `route add blackhole 10.${i >> 8}.${i & 255}.0/24`,
    )
    // Blocks this thread: nobody reads meanwhile.
    lab.exec(netns, ['ip', '-batch', '-'], { input: `${routes.join('\n')}\n` })
    await waitFor(() => seen.has('anything'), { what: 'the news that some are lost' })
  })
