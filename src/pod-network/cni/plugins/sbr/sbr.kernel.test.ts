import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { type By, createPluginLab, isSilent, ping } from '../testing/plugin-lab.ts'

/** A pod on two networks; `far` is behind the second one’s gateway, and reached through the first by the main table. */
async function createPod(lab: Lab, name: string) {
  const it = createPluginLab(lab, { name: `node-${name}` })
  const [pod, far] = [lab.netns(name), lab.netns(`far-${name}`)]
  const ipam = (n: number) => ({
    type: 'host-local',
    dataDir: `${it.dataDir}-${n}`,
    ranges: [[{ subnet: `10.${n}.0.0/24` }], [{ subnet: `fd0${n}::/64` }]],
  })
  const routes = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]
  const one = { type: 'bridge', bridge: 'br-one', isGateway: true, ipam: { ...ipam(1), routes } }
  await it.add('ours', name, one)
  const two = { type: 'bridge', bridge: 'br-two', ipam: ipam(2) }
  const prevResult = await it.add('ours', name, two, { ifname: 'net1' })
  // The second network has a router of its own.
  const end = { netns: far, device: 'eth0', address: '10.2.0.1/24' }
  lab.connect({ netns: it.node, device: 'far' }, end)
  lab.exec(it.node, ['ip', 'link', 'set', 'far', 'master', 'br-two'])
  lab.exec(far, ['ip', 'addr', 'add', 'fd02::1/64', 'dev', 'eth0', 'nodad'])
  for (const address of ['192.0.2.9/32', 'fd99::9/128']) {
    lab.exec(far, ['ip', 'addr', 'add', address, 'dev', 'lo'])
  }
  return { ...it, name, pod, far, options: { ifname: 'net1', prevResult } }
}

suite('sbr', () => {
  test('what a second interface is asked, it answers itself, in both families', async () => {
    using lab = createLab()
    const it = await createPod(lab, 'a')
    using _host = it.host
    const { pod, far, options } = it
    const ask = (from: string, to: string) =>
      lab.exec(far, ['ping', '-c1', '-W0.4', '-I', from, to]).status === 0
    // The answer leaves by the first network's gateway, where nobody knows the way.
    assert.equal(ask('192.0.2.9', '10.2.0.2'), false)
    const step = { type: 'sbr' }
    assert.deepEqual(await it.add('ours', 'a', step, options), options.prevResult)
    assert.ok(ask('192.0.2.9', '10.2.0.2'))
    assert.ok(ask('fd99::9', 'fd02::2'))
    assert.match(lab.exec(pod, ['ip', 'rule']).stdout, /from 10\.2\.0\.2 lookup 100/)
    assert.match(
      lab.exec(pod, ['ip', 'route', 'get', '192.0.2.9', 'from', '10.2.0.2']).stdout,
      /via 10\.2\.0\.1 dev net1 table 100/,
    )
    // What is not from there goes as before.
    assert.ok(isSilent(lab, pod, '192.0.2.9'))
    await it.run('ours', 'CHECK', 'a', step, options)
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step, options)
    assert.doesNotMatch(lab.exec(pod, ['ip', 'rule']).stdout, /10\.2/)
    assert.match(
      await it.refused('ours', 'CHECK', 'a', step, options),
      /^Expected rule for source 10\.2\.0\.2 not found$/,
    )
  })

  test('with addSourceHints the subnet stays in the main table, with a source', async () => {
    using lab = createLab()
    const it = await createPod(lab, 'a')
    using _host = it.host
    await it.add('ours', 'a', { type: 'sbr', addSourceHints: true }, it.options)
    assert.match(
      lab.exec(it.pod, ['ip', 'route']).stdout,
      /10\.2\.0\.0\/24 dev net1 .*scope link src 10\.2\.0\.2/,
    )
    assert.ok(ping(lab, it.pod, '10.2.0.1'))
  })

  test('takes gateways and a table from its configuration', async () => {
    using lab = createLab()
    const it = await createPod(lab, 'a')
    using _host = it.host
    await it.add('ours', 'a', { type: 'sbr', gateways: ['10.2.0.77'] }, it.options)
    assert.match(
      lab.exec(it.pod, ['ip', 'route', 'show', 'table', '100']).stdout,
      /via 10\.2\.0\.77/,
    )
    await it.run('ours', 'DEL', 'a', { type: 'sbr' }, it.options)
    await it.add('ours', 'a', { type: 'sbr', table: 5000 }, it.options)
    assert.match(lab.exec(it.pod, ['ip', 'rule']).stdout, /from 10\.2\.0\.2 lookup 5000/)
    await it.run('ours', 'DEL', 'a', { type: 'sbr', table: 5000 }, it.options)
    assert.doesNotMatch(lab.exec(it.pod, ['ip', 'rule']).stdout, /5000/)
  })

  test('makes what the reference makes, and either removes what the other made', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown[]>()
    for (const by of ['ours', 'reference'] as const) {
      const it = await createPod(lab, `pod-${by}`)
      using _host = it.host
      await it.add(by, it.name, { type: 'sbr' }, it.options)
      const show = (...argv: string[]) =>
        lab.exec(it.pod, ['ip', '-4', ...argv]).stdout.replaceAll(/ onlink| proto \w+/g, '')
      seen.set(by, [show('rule'), show('route'), show('route', 'show', 'table', '100')])
      const other = by === 'ours' ? 'reference' : 'ours'
      await it.run(other, 'DEL', it.name, { type: 'sbr' }, it.options)
      assert.doesNotMatch(lab.exec(it.pod, ['ip', 'rule']).stdout, /10\.2/)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })

  // plugins/meta/sbr/main.go
  const refusals = [
    {
      name: 'three gateways',
      gateways: ['10.2.0.1', 'fd02::1', '10.2.0.3'],
      message: 'gateways list cannot contain more than 2 entries (one IPv4, one IPv6)',
    },
    {
      name: 'two of one family',
      gateways: ['10.2.0.1', '10.2.0.3'],
      message: 'gateways list contains multiple IPv4 addresses: 10.2.0.1 and 10.2.0.3',
    },
    { name: 'no address', gateways: ['x'], message: 'invalid static gateway IP address: x' },
  ]
  for (const { name, gateways, message } of refusals) {
    test(`is refused for ${name}`, async () => {
      using lab = createLab()
      using it = createPluginLab(lab)
      lab.netns('a')
      const prevResult = { cniVersion: '1.0.0', ips: [{ address: '10.2.0.2/24' }] }
      assert.equal(
        await it.refused('ours', 'ADD', 'a', { type: 'sbr', gateways }, { prevResult }),
        message,
      )
    })
  }
})
