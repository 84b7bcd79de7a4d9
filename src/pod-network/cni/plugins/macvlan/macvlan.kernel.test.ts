import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { type By, createPluginLab, isSilent, normalize, ping } from '../testing/plugin-lab.ts'

/** A node whose eth0 leads to a neighbour, 10.7.0.254. */
function createNode(lab: Lab, name = 'node') {
  const it = createPluginLab(lab, { name })
  const neighbour = lab.netns(`neighbour-${name}`)
  lab.connect(
    { netns: it.node, device: 'eth0', address: '10.7.0.1/24' },
    { netns: neighbour, device: 'eth0', address: '10.7.0.254/24' },
  )
  lab.exec(it.node, ['ip', 'route', 'add', 'default', 'via', '10.7.0.254'])
  const ipam = it.hostLocal('10.7.0.0/24', { routes: [{ dst: '0.0.0.0/0' }] })
  return { ...it, neighbour, ipam }
}

suite('macvlan', () => {
  test('puts pods on the network of the default route: they reach each other and the neighbour', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const [a] = [lab.netns('a'), lab.netns('b')]
    const step = { type: 'macvlan', ipam: node.ipam, mtu: 1400, bcqueuelen: 100 }
    const result = await node.add('ours', 'a', step, {
      args: 'IgnoreUnknown=1;MAC=0a:00:00:00:00:07',
    })
    await node.add('ours', 'b', step)
    assert.equal(result.interfaces[0].mac, '0a:00:00:00:00:07')
    for (const target of ['10.7.0.3', '10.7.0.254']) assert.ok(ping(lab, a, target), target)
    assert.match(lab.exec(a, ['ping', '-c1', '10.7.0.3']).stdout, /ttl=64/)
    // A macvlan and its own master do not hear each other: how the kernel builds it.
    assert.ok(isSilent(lab, a, '10.7.0.1'))
    await node.run('ours', 'CHECK', 'a', step, { prevResult: result })
    const wrong = { ...step, mode: 'vepa' }
    assert.match(
      await node.refused('ours', 'CHECK', 'a', wrong, { prevResult: result }),
      /macvlan mode bridge does not match expected value: vepa/,
    )
    for (const _ of [1, 2]) await node.run('ours', 'DEL', 'a', step)
    assert.doesNotMatch(lab.exec(a, ['ip', 'link']).stdout, /eth0/)
  })

  test('keeps private pods from each other', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const [a] = [lab.netns('a'), lab.netns('b')]
    const step = { type: 'macvlan', master: 'eth0', mode: 'private', ipam: node.ipam }
    await node.add('ours', 'a', step)
    await node.add('ours', 'b', step)
    assert.ok(isSilent(lab, a, '10.7.0.3'))
    assert.ok(ping(lab, a, '10.7.0.254'))
  })

  test('takes a master that is in the pod, and does without IPAM', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const pod = lab.netns('a')
    await node.add('ours', 'a', { type: 'macvlan', ipam: node.ipam })
    const step = { type: 'macvlan', master: 'eth0', linkInContainer: true }
    const result = await node.add('ours', 'a', step, { ifname: 'net1' })
    assert.deepEqual(Object.keys(result).sort(), ['cniVersion', 'dns', 'interfaces'])
    assert.match(lab.exec(pod, ['ip', 'link', 'show', 'net1']).stdout, /net1@.*UP/)
  })

  test('says and makes what the reference does, and either removes what the other made', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown[]>()
    for (const by of ['ours', 'reference'] as const) {
      const node = createNode(lab, `node-${by}`)
      using _host = node.host
      const pod = lab.netns(`pod-${by}`)
      const step = { type: 'macvlan', master: 'eth0', mtu: 1300, ipam: node.ipam }
      const result = await node.add(by, `pod-${by}`, step)
      const { stdout: route } = lab.exec(pod, ['ip', 'route'])
      const { stdout: link } = lab.exec(pod, ['ip', '-d', 'link', 'show', 'eth0'])
      seen.set(by, [normalize(result), route, /mtu 1300.*macvlan mode bridge/s.test(link)])
      const other = by === 'ours' ? 'reference' : 'ours'
      await node.run(other, 'CHECK', `pod-${by}`, step, { prevResult: result })
      await node.run(other, 'DEL', `pod-${by}`, step, { prevResult: result })
      assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })

  // plugins/main/macvlan/macvlan.go
  const refusals = [
    { name: 'an unknown mode', step: { mode: 'x' }, message: /^unknown macvlan mode: "x"$/ },
    {
      name: 'no such master',
      step: { master: 'none' },
      message: /^failed to lookup master "none"/,
    },
    {
      name: 'an MTU beyond the master’s',
      step: { mtu: 9000 },
      message: /^invalid MTU 9000, must be \[0, master MTU\(1500\)\]$/,
    },
    {
      name: 'what is no MAC address',
      step: { mac: 'x' },
      message: /^invalid args x for MAC addr/,
    },
  ]
  test('is refused, and leaves nothing, for', async (context) => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const pod = lab.netns('a')
    for (const { name, step, message } of refusals) {
      await context.test(name, async () => {
        const config = { type: 'macvlan', ipam: node.ipam, ...step }
        assert.match(await node.refused('ours', 'ADD', 'a', config), message)
        assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0|veth/)
      })
    }
  })
})
