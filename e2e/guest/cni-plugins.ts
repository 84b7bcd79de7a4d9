import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type By,
  createPluginLab,
  isSilent,
  normalize,
  ping,
} from '#pod-network/cni/plugins/testing/plugin-lab.ts'
import { createLab, type Lab } from '#testing/netns.ts'

/* Run in a guest by e2e/cni-plugins.test.ts: these need kinds of links that are modules, and may be missing elsewhere. */

const BOTH: readonly By[] = ['ours', 'reference']

/** A node whose eth0 leads to a neighbour, 10.7.0.254. */
function createNode(lab: Lab, name = 'node') {
  const it = createPluginLab(lab, { name })
  const neighbour = lab.netns(`neighbour-${name}`)
  lab.connect(
    { netns: it.node, device: 'eth0', address: '10.7.0.1/24' },
    { netns: neighbour, device: 'eth0', address: '10.7.0.254/24' },
  )
  lab.exec(it.node, ['ip', 'route', 'add', 'default', 'via', '10.7.0.254'])
  return { ...it, neighbour, ipam: it.hostLocal('10.7.0.0/24') }
}

suite('ipvlan', () => {
  for (const mode of ['l2', 'l3', 'l3s'] as const) {
    test(`connects pods over the master, in mode ${mode}`, async () => {
      using lab = createLab()
      const node = createNode(lab)
      using _host = node.host
      const [a] = [lab.netns('a'), lab.netns('b')]
      const step = { type: 'ipvlan', mode, mtu: 1400, ipam: node.ipam }
      const result = await node.add('ours', 'a', step)
      await node.add('ours', 'b', step)
      assert.ok(ping(lab, a, '10.7.0.3'))
      assert.equal(
        ping(lab, a, '10.7.0.254'),
        mode === 'l2',
        'in l3 the neighbour asks in vain by ARP',
      )
      await node.run('ours', 'CHECK', 'a', step, { prevResult: result })
      const other = { ...step, mode: mode === 'l2' ? 'l3' : 'l2' }
      assert.match(
        await node.refused('ours', 'CHECK', 'a', other, { prevResult: result }),
        /does not match expected value/,
      )
      for (const _ of [1, 2]) await node.run('ours', 'DEL', 'a', step)
    })
  }

  test('takes over the addresses of the plugin before it', async () => {
    using lab = createLab()
    const node = createNode(lab)
    using _host = node.host
    const pod = lab.netns('a')
    const interfaces = [{ name: 'eth0' }]
    const prevResult = { cniVersion: '1.0.0', interfaces, ips: [{ address: '10.7.0.7/24' }] }
    const { ips } = await node.add('ours', 'a', { type: 'ipvlan' }, { prevResult })
    assert.equal(ips[0].address, '10.7.0.7/24')
    assert.ok(ping(lab, pod, '10.7.0.254'))
  })
})

suite('vlan', () => {
  test('carries each VLAN apart', async () => {
    using lab = createLab()
    const near = createNode(lab, 'near')
    using _near = near.host
    using far = createPluginLab(lab, { name: 'far' })
    const ends = [
      { netns: near.node, device: 'trunk' },
      { netns: far.node, device: 'trunk' },
    ] as const
    lab.connect(...ends)
    const step = (vlanId: number, ip: string) => {
      const ipam = { type: 'static', addresses: [{ address: ip }] }
      return { type: 'vlan', master: 'trunk', vlanId, ipam }
    }
    const [a] = [lab.netns('a'), lab.netns('b'), lab.netns('c')]
    const result = await near.add('ours', 'a', step(100, '10.8.0.1/24'))
    await far.add('ours', 'b', step(100, '10.8.0.2/24'))
    await far.add('ours', 'c', step(200, '10.8.0.3/24'))
    assert.ok(ping(lab, a, '10.8.0.2'))
    assert.ok(isSilent(lab, a, '10.8.0.3'))
    await near.run('ours', 'CHECK', 'a', step(100, '10.8.0.1/24'), { prevResult: result })
    assert.match(
      await near.refused('ours', 'CHECK', 'a', step(101, '10.8.0.1/24'), { prevResult: result }),
      /101, current value is 100/,
    )
    await near.run('ours', 'DEL', 'a', step(100, '10.8.0.1/24'))
    assert.doesNotMatch(lab.exec(a, ['ip', 'link']).stdout, /eth0/)
  })
})

suite('dummy', () => {
  test('holds an address', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const pod = lab.netns('a')
    const step = { type: 'dummy', ipam: it.hostLocal('10.9.0.0/24') }
    const result = await it.add('ours', 'a', step)
    assert.ok(ping(lab, pod, '10.9.0.2'))
    await it.run('ours', 'CHECK', 'a', step, { prevResult: result })
    lab.exec(pod, ['ip', 'link', 'set', 'eth0', 'down'])
    const message = await it.refused('ours', 'CHECK', 'a', step, { prevResult: result })
    assert.equal(message, 'Interface eth0 is down')
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step)
    assert.match(
      await it.refused('ours', 'ADD', 'a', { type: 'dummy' }),
      /^dummy interface requires an IPAM configuration$/,
    )
  })
})

suite('vrf', () => {
  test('keeps two networks with the same addresses apart, in both families', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const pod = lab.netns('a')
    const prevResults: unknown[] = []
    for (const n of [0, 1]) {
      const far = lab.netns(`far${n}`)
      lab.connect(
        { netns: pod, device: `net${n}`, address: '10.8.0.1/24' },
        { netns: far, device: 'eth0', address: n === 0 ? '10.8.0.2/24' : '10.8.0.3/24' },
      )
      lab.exec(pod, ['ip', 'addr', 'add', `fd08:${n}::1/64`, 'dev', `net${n}`, 'nodad'])
      lab.exec(far, ['ip', 'addr', 'add', `fd08:${n}::2/64`, 'dev', 'eth0', 'nodad'])
      const sandbox = pod.path
      const interfaces = [{ name: `net${n}`, sandbox }]
      prevResults.push({
        cniVersion: '1.0.0',
        interfaces,
        ips: [{ address: '10.8.0.1/24', interface: 0 }],
      })
    }
    const steps = ['red', 'blue'].map((vrfname) => ({ type: 'vrf', vrfname }))
    for (const n of [0, 1]) {
      const options = { ifname: `net${n}`, prevResult: prevResults[n] }
      await it.add('ours', 'a', steps[n]!, options)
      await it.run('ours', 'CHECK', 'a', steps[n]!, options)
    }
    const from = (vrf: string, target: string) =>
      lab.exec(pod, ['ping', '-c1', '-W1', '-I', vrf, target]).status === 0
    assert.ok(from('red', '10.8.0.2') && from('blue', '10.8.0.3'))
    assert.ok(!from('red', '10.8.0.3') && !from('blue', '10.8.0.2'))
    assert.ok(from('red', 'fd08:0::2') && from('blue', 'fd08:1::2'))
    for (const n of [0, 1]) await it.run('ours', 'DEL', 'a', steps[n]!, { ifname: `net${n}` })
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /red|blue/)
  })
})

suite('The reference plugins', () => {
  const steps = [
    { type: 'ipvlan', master: 'eth0', mode: 'l3' },
    { type: 'vlan', master: 'eth0', vlanId: 7 },
  ]
  for (const step of steps) {
    test(`${step.type} says the same, and either removes what the other made`, async () => {
      using lab = createLab()
      const seen = new Map<By, unknown>()
      for (const by of BOTH) {
        const node = createNode(lab, `node-${by}`)
        using _host = node.host
        const pod = lab.netns(`pod-${by}`)
        const config = { ...step, ipam: node.ipam }
        const result = await node.add(by, `pod-${by}`, config)
        seen.set(by, [normalize(result), lab.exec(pod, ['ip', 'route']).stdout])
        const other = by === 'ours' ? 'reference' : 'ours'
        await node.run(other, 'CHECK', `pod-${by}`, config, { prevResult: result })
        await node.run(other, 'DEL', `pod-${by}`, config, { prevResult: result })
        assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
      }
      assert.deepEqual(seen.get('ours'), seen.get('reference'))
    })
  }

  test('vrf makes the same, and either removes what the other made', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown>()
    for (const by of BOTH) {
      const node = createNode(lab, `node-${by}`)
      using _host = node.host
      const pod = lab.netns(`pod-${by}`)
      const prevResult = await node.add('ours', `pod-${by}`, { type: 'bridge', ipam: node.ipam })
      const step = { type: 'vrf', vrfname: 'red', table: 1234 }
      await node.add(by, `pod-${by}`, step, { prevResult })
      const routes = lab.exec(pod, ['ip', 'route', 'show', 'table', '1234']).stdout
      seen.set(
        by,
        routes
          .split('\n')
          .map((line) => line.trim())
          .sort(),
      )
      const other = by === 'ours' ? 'reference' : 'ours'
      await node.run(other, 'CHECK', `pod-${by}`, step, { prevResult })
      await node.run(other, 'DEL', `pod-${by}`, step, { prevResult })
      assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /red/)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })
})
