import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { type By, createPluginLab, normalize, ping } from '../testing/plugin-lab.ts'

const BOTH: readonly By[] = ['ours', 'reference']

suite('ptp', () => {
  test('connects pods by the node, in both families', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const ranges = [[{ subnet: '10.1.1.0/24' }], [{ subnet: 'fd01::/64' }]]
    const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]
    const ipam = { type: 'host-local', dataDir: it.dataDir, ranges, routes }
    const step = { type: 'ptp', mtu: 1400, ipam }
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    const result = await it.add('ours', 'a', step)
    await it.add('ours', 'b', step)
    assert.deepEqual(
      result.ips.map(({ address }: { address: string }) => address),
      ['10.1.1.2/24', 'fd01::2/64'],
    )
    for (const target of ['10.1.1.1', '10.1.1.3', 'fd01::1', 'fd01::3']) {
      assert.ok(ping(lab, a, target), target)
    }
    // One hop between the two: nothing is on link but the gateway.
    assert.match(lab.exec(a, ['ping', '-c1', '-W1', '10.1.1.3']).stdout, /ttl=63/)
    assert.ok(ping(lab, it.node, '10.1.1.3'))
    assert.match(lab.exec(b, ['ip', 'link', 'show', 'eth0']).stdout, /mtu 1400/)
    await it.run('ours', 'CHECK', 'a', step, { prevResult: result })
    lab.exec(a, ['ip', 'route', 'del', 'default'])
    assert.match(
      await it.refused('ours', 'CHECK', 'a', step, { prevResult: result }),
      /^Expected Route .* not found in routing table$/,
    )
  })

  test('masquerades what leaves its subnet, and nothing else', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const [a, outside] = [lab.netns('a'), lab.netns('outside')]
    lab.connect(
      { netns: it.node, device: 'up', address: '192.0.2.1/24' },
      { netns: outside, device: 'up', address: '192.0.2.9/24' },
    )
    const ipam = it.hostLocal('10.1.1.0/24', { routes: [{ dst: '0.0.0.0/0' }] })
    const step = { type: 'ptp', ipMasq: true, ipam }
    await it.add('ours', 'a', step)
    // `outside` has no route back to the pod: only the node's address is answered.
    assert.ok(ping(lab, a, '192.0.2.9'))
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step, { netns: '' })
    assert.doesNotMatch(it.host.nft.read('list ruleset'), /comment/)
    assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, /veth/)
    const left = readdirSync(join(it.dataDir, it.network)).filter((name) => name.startsWith('10.'))
    assert.deepEqual(left, [])
  })

  test('says and makes what the reference does, and either removes what the other made', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown[]>()
    for (const by of BOTH) {
      using it = createPluginLab(lab, { name: `node-${by}` })
      const pod = lab.netns(`pod-${by}`)
      const ipam = it.hostLocal('10.1.1.0/24', { routes: [{ dst: '0.0.0.0/0' }] })
      const step = { type: 'ptp', mtu: 1400, ipam, dns: { nameservers: ['10.1.1.1'] } }
      const result = await it.add(by, `pod-${by}`, step)
      const inPod = lab.exec(pod, ['ip', 'route']).stdout
      const onNode = lab.exec(it.node, ['ip', 'route']).stdout.replaceAll(/veth\S+/g, 'veth*')
      const address = lab.exec(it.node, ['ip', '-4', '-br', 'addr']).stdout
      seen.set(by, [normalize(result), inPod, onNode, /10\.1\.1\.1\/32/.test(address)])
      const other = by === 'ours' ? 'reference' : 'ours'
      await it.run(other, 'CHECK', `pod-${by}`, step, { prevResult: result })
      await it.run(other, 'DEL', `pod-${by}`, step, { prevResult: result })
      assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, /veth/)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })

  const refusals = [
    { name: 'without IPAM', step: { type: 'ptp' }, message: /ipam is required/ },
    {
      name: 'where the name is taken',
      step: { type: 'ptp', ipam: { type: 'host-local', ranges: [[{ subnet: '10.1.1.0/24' }]] } },
      message: /^container veth name provided \(lo\) already exists$/,
    },
  ]
  for (const { name, step, message } of refusals) {
    test(`is refused ${name}, and leaves nothing`, async () => {
      using lab = createLab()
      using it = createPluginLab(lab)
      lab.netns('a')
      const ipam = step.ipam && { ipam: { ...step.ipam, dataDir: it.dataDir } }
      const options = { ifname: 'lo' }
      assert.match(await it.refused('ours', 'ADD', 'a', { ...step, ...ipam }, options), message)
      assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, /veth/)
    })
  }
})
