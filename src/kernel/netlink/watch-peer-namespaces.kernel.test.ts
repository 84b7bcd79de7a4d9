import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { watchPeerNamespaces } from './watch-peer-namespaces.ts'

const CHANGES = [
  { name: 'an address that comes', argv: ['addr', 'add', '10.0.0.9/24', 'dev', 'eth0'] },
  { name: 'a route', argv: ['route', 'add', 'default', 'via', '10.0.0.1'] },
  { name: 'a route that goes', argv: ['route', 'del', 'default'] },
  { name: 'an address that goes', argv: ['addr', 'flush', 'dev', 'eth0'] },
  { name: 'a link without ARP', argv: ['link', 'set', 'eth0', 'arp', 'off'] },
  { name: 'an MTU', argv: ['link', 'set', 'eth0', 'mtu', '1280'] },
  { name: 'a link that is down', argv: ['link', 'set', 'eth0', 'down'] },
]

suiteOnEachBackend('watchPeerNamespaces()', (backend) => {
  test('tells where something changed at the other end of a cable', async () => {
    using lab = createLab()
    const [node, a, b] = [lab.netns('node'), lab.netns('a'), lab.netns('b')]
    for (const [netns, device] of [
      [a, 'v-a'],
      [b, 'v-b'],
    ] as const)
      lab.connect({ netns: node, device }, { netns, device: 'eth0', address: '10.0.0.2/24' })
    const idOf = (device: string) => lab.rtnetlink(node).link(device)?.peerNetnsID
    const [idA, idB] = [idOf('v-a'), idOf('v-b')]
    assert.notEqual(idA, undefined)
    assert.notEqual(idA, idB)
    let seen: (number | undefined)[] = []
    using watch = watchPeerNamespaces((netnsID) => seen.push(netnsID), node)
    if (backend === 'command')
      await waitFor(
        () => {
          lab.exec(b, ['sh', '-c', 'ip link set lo down; ip link set lo up'])
          return seen.length > 0
        },
        { what: 'the watcher' },
      )
    for (const { name, argv } of CHANGES) {
      seen = []
      assert.equal(lab.exec(b, ['ip', ...argv]).status, 0, name)
      await waitFor(() => seen.includes(backend === 'ffi' ? idB : undefined), { what: name })
      if (backend === 'ffi') assert.ok(!seen.includes(idA), name)
    }
    watch[Symbol.dispose]()
    await new Promise((resolve) => setTimeout(resolve, 20))
    seen = []
    lab.exec(b, ['ip', 'link', 'del', 'eth0'])
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual(seen, [])
  })
})
