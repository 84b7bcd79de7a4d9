import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { createPluginLab, ping } from '../testing/plugin-lab.ts'

const ENV = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_IPV6_NETWORK=fd44::/48
FLANNEL_IPV6_SUBNET=fd44:0:0:1::1/64
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`

function createNode(lab: Lab) {
  const it = createPluginLab(lab)
  const subnetFile = join(lab.folder, 'subnet.env')
  const stateDir = join(lab.folder, 'flannel')
  writeFileSync(subnetFile, ENV)
  const step = {
    type: 'flannel',
    cniVersion: '1.1.0',
    subnetFile,
    dataDir: stateDir,
    ipam: { dataDir: it.dataDir },
    delegate: { hairpinMode: true, isDefaultGateway: true },
  }
  return { ...it, step, subnetFile, stateDir }
}

suite('flannel', () => {
  test('delegates to bridge with this node’s subnet, in both families', async () => {
    using lab = createLab()
    const it = createNode(lab)
    using _host = it.host
    const [a] = [lab.netns('a'), lab.netns('b')]
    const result = await it.add('ours', 'a', it.step)
    await it.add('ours', 'b', it.step)
    assert.deepEqual(
      result.ips.map(({ address }: { address: string }) => address),
      ['10.244.1.2/24', 'fd44:0:0:1::2/64'],
    )
    for (const target of ['10.244.1.1', '10.244.1.3', 'fd44:0:0:1::3']) {
      assert.ok(ping(lab, a, target), target)
    }
    assert.match(lab.exec(a, ['ip', 'link', 'show', 'eth0']).stdout, /mtu 1450/)
    assert.match(lab.exec(a, ['ip', 'route']).stdout, /10\.244\.0\.0\/16 via 10\.244\.1\.1/)
    const file = join(it.stateDir, 'a')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    // What flannel-io/cni-plugin 1.9.1 writes for this configuration (flannel_linux.go).
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
      cniVersion: '1.1.0',
      name: it.network,
      type: 'bridge',
      hairpinMode: true,
      isDefaultGateway: true,
      isGateway: true,
      ipMasq: false,
      mtu: 1450,
      ipam: {
        type: 'host-local',
        dataDir: it.dataDir,
        ranges: [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd44:0:0:1::/64' }]],
        routes: [{ dst: '10.244.0.0/16' }, { dst: 'fd44::/48' }],
      },
    })
    await it.run('ours', 'CHECK', 'a', it.step, { prevResult: result })
  })

  test('DEL is by what ADD was called with, though the subnet is another one; and without it, done', async () => {
    using lab = createLab()
    const it = createNode(lab)
    using _host = it.host
    const pod = lab.netns('a')
    await it.add('ours', 'a', it.step)
    writeFileSync(it.subnetFile, ENV.replaceAll('10.244.1', '10.244.7'))
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', it.step, { netns: '' })
    const left = readdirSync(join(it.dataDir, it.network)).filter((name) => /^(10|fd)/.test(name))
    assert.deepEqual(left, [])
    assert.deepEqual(readdirSync(it.stateDir), [])
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
  })

  test('a delegate may be another one, also the reference’s', async () => {
    using lab = createLab()
    const it = createNode(lab)
    using _host = it.host
    const a = lab.netns('a')
    const step = { ...it.step, cniVersion: '1.0.0', delegate: { type: 'ptp' } }
    await it.add('ours', 'a', step)
    assert.ok(ping(lab, a, '10.244.1.1'))
    assert.match(lab.exec(it.node, ['ip', 'addr']).stdout, /10\.244\.1\.1\/32/)
    await it.run('ours', 'DEL', 'a', step)
  })

  test('GC frees addresses and files of attachments that are not valid', async () => {
    using lab = createLab()
    const it = createNode(lab)
    using _host = it.host
    for (const pod of ['a', 'b']) {
      lab.netns(pod)
      await it.add('ours', pod, it.step)
    }
    const valid = [{ containerID: 'b', ifname: 'eth0' }]
    await it.run('ours', 'GC', '', { ...it.step, 'cni.dev/valid-attachments': valid })
    assert.deepEqual(readdirSync(it.stateDir), ['b'])
    const left = readdirSync(join(it.dataDir, it.network)).filter((name) => name.startsWith('10.'))
    assert.deepEqual(left, ['10.244.1.3'])
  })

  test('without subnet.env, or a whole one, it is not available, and says why', async () => {
    using lab = createLab()
    const it = createNode(lab)
    using _host = it.host
    lab.netns('a')
    await it.run('ours', 'STATUS', '', it.step)
    writeFileSync(it.subnetFile, ENV.replace(/^FLANNEL_MTU.*\n/m, ''))
    const hint = 'Check the flannel pod log for this node.'
    const where = it.subnetFile
    assert.equal(
      await it.refused('ours', 'ADD', 'a', it.step),
      `failed to load flannel 'subnet.env' file: ${where} is missing FLANNEL_MTU. ${hint}`,
    )
    const step = { ...it.step, subnetFile: '/nowhere/subnet.env' }
    const { answer } = await it.call('ours', 'STATUS', '', step)
    const why = 'open /nowhere/subnet.env: no such file or directory'
    const msg = `failed to load flannel 'subnet.env' file: ${why}. ${hint}`
    assert.deepEqual(answer, { code: 50, msg })
    assert.equal(existsSync(it.stateDir), false)
  })

  // flannel-io/cni-plugin, flannel.go
  const refusals = [
    {
      delegate: { type: 5 },
      message: "'delegate' dictionary, if present, must have (string) 'type' field",
    },
    {
      delegate: { name: 'x' },
      message: "'delegate' dictionary must not have 'name' field, it'll be set by flannel",
    },
    {
      delegate: { ipam: {} },
      message: "'delegate' dictionary must not have 'ipam' field, it'll be set by flannel",
    },
  ]
  test('is refused for', async (context) => {
    using lab = createLab()
    const it = createNode(lab)
    using _host = it.host
    lab.netns('a')
    for (const { delegate, message } of refusals) {
      await context.test(JSON.stringify(delegate), async () =>
        assert.equal(await it.refused('ours', 'ADD', 'a', { ...it.step, delegate }), message),
      )
    }
  })
})
