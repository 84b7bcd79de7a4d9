import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { type By, createPluginLab, normalize, ping } from '../testing/plugin-lab.ts'

/** A node whose link `wire0` leads to a neighbour, 10.7.0.254. */
function createNode(lab: Lab, name: string) {
  const it = createPluginLab(lab, { name })
  const neighbour = lab.netns(`neighbour-${name}`)
  lab.connect(
    { netns: it.node, device: 'wire0' },
    { netns: neighbour, device: 'eth0', address: '10.7.0.254/24' },
  )
  const mac = lab.rtnetlink(it.node).link('wire0')!.mac
  return { ...it, mac, ipam: it.hostLocal('10.7.0.0/24') }
}

suite('host-device', () => {
  test('moves a link into the pod and back, by its name or its MAC address', async () => {
    using lab = createLab()
    const it = createNode(lab, 'node')
    using _host = it.host
    const pod = lab.netns('a')
    for (const selector of [{ device: 'wire0' }, { hwaddr: it.mac }]) {
      const step = { type: 'host-device', ipam: it.ipam, ...selector }
      const result = await it.add('ours', 'a', step)
      assert.equal(result.interfaces[0].mac, it.mac)
      assert.ok(ping(lab, pod, '10.7.0.254'))
      assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, /wire0/)
      await it.run('ours', 'CHECK', 'a', step, { prevResult: result })
      for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', { ...step, device: 'wire0' })
      const { stdout } = lab.exec(it.node, ['ip', 'link', 'show', 'wire0'])
      assert.match(stdout, /wire0@.*state DOWN/)
      assert.doesNotMatch(stdout, /alias/)
      lab.exec(it.node, ['ip', 'link', 'set', 'wire0', 'up'])
    }
  })

  test('the address is free again though the namespace is gone, where the reference leaks it', async () => {
    using lab = createLab()
    const it = createNode(lab, 'node')
    using _host = it.host
    lab.netns('a')
    const ipam = it.hostLocal('10.7.0.0/30')
    const step = { type: 'host-device', device: 'wire0', ipam }
    await it.add('ours', 'a', step)
    await it.run('ours', 'DEL', 'a', step, { netns: '' })
    lab.netns('b')
    lab.exec(it.node, ['ip', 'link', 'add', 'wire1', 'type', 'veth', 'peer', 'name', 'wire2'])
    await it.add('ours', 'b', { ...step, device: 'wire1' })
  })

  test('says what the reference says, and either brings back what the other moved', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown>()
    for (const by of ['ours', 'reference'] as const) {
      const it = createNode(lab, `node-${by}`)
      using _host = it.host
      lab.netns(`pod-${by}`)
      const step = { type: 'host-device', device: 'wire0', ipam: it.ipam }
      const result = await it.add(by, `pod-${by}`, step)
      seen.set(by, normalize(result))
      const other = by === 'ours' ? 'reference' : 'ours'
      await it.run(other, 'CHECK', `pod-${by}`, step, { prevResult: result })
      await it.run(other, 'DEL', `pod-${by}`, step, { prevResult: result })
      assert.match(lab.exec(it.node, ['ip', 'link', 'show', 'wire0']).stdout, /wire0@/)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })

  // plugins/main/host-device/host-device.go
  const refusals = [
    {
      name: 'nothing that names a device',
      step: {},
      message: 'specify either "device", "hwaddr", "kernelpath" or "pciBusID"',
    },
    {
      name: 'a path that is no device',
      step: { kernelpath: '/sys/devices/../../etc' },
      message:
        'kernel device path "/sys/devices/../../etc" must be absolute and begin with /sys/devices/',
    },
    {
      name: 'an id that climbs',
      step: { runtimeConfig: { deviceID: '../..' } },
      message: 'runtime config DeviceID ../.. not found or unsupported',
    },
    {
      name: 'a device that there is not',
      step: { device: 'none' },
      message: 'failed to find host device: Link not found',
    },
  ]
  test('is refused for', async (context) => {
    using lab = createLab()
    const it = createNode(lab, 'node')
    using _host = it.host
    lab.netns('a')
    for (const { name, step, message } of refusals) {
      await context.test(name, async () =>
        assert.equal(
          await it.refused('ours', 'ADD', 'a', { type: 'host-device', ...step }),
          message,
        ),
      )
    }
  })
})
