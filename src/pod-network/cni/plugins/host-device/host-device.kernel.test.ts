import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'
import { createLab, type Lab } from '#testing/netns.ts'
import { type By, createPluginLab, normalize, ping } from '../testing/plugin-lab.ts'

const ROOT = resolve(import.meta.dirname, '../../../../..')

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

  test('finds devices of the PCI and the auxiliary bus, and leaves to DPDK what is its own, as the reference', async (context) => {
    using lab = createLab()
    const it = createNode(lab, 'node')
    using _host = it.host
    lab.netns('a')
    lab.exec(it.node, 'ip link add wire1 type veth peer name wire2'.split(' '))
    // As the kernel shows them (Documentation/ABI/testing/sysfs-bus-pci): a network card, a virtio card, one that DPDK has taken, one without a network.
    const bus = join(lab.folder, 'bus')
    const folders = [
      ...['pci/devices/0000:01:00.0/net/wire0', 'pci/devices/0000:02:00.0/virtio0/net/wire1'],
      ...['pci/devices/0000:03:00.0', 'pci/devices/0000:04:00.0', 'pci/devices/0000:05:00.0'],
      ...[
        'pci/drivers/e1000e',
        'pci/drivers/vfio-pci',
        'auxiliary/devices/mlx5_core.sf.4/net/wire0',
      ],
    ]
    for (const folder of folders) mkdirSync(join(bus, folder), { recursive: true })
    for (const [card, driver] of ['e1000e', 'e1000e', 'vfio-pci', 'e1000e'].entries())
      symlinkSync(`../../drivers/${driver}`, join(bus, `pci/devices/0000:0${card + 1}:00.0/driver`))
    /** In a mount namespace whose /sys/bus is that. */
    const exec = (by: By, verb: string, step: object) => {
      const program =
        by === 'ours'
          ? [`${ROOT}/bin/fairlead-node`, `${ROOT}/src/daemons/cni-plugin.ts`, 'host-device']
          : ['/usr/lib/cni/host-device']
      const script = `mount -t tmpfs bus /sys/bus && cp -a ${bus}/. /sys/bus/ && exec "$0" "$@"`
      const { stdout } = lab.exec(it.node, ['unshare', '-m', 'sh', '-c', script, ...program], {
        input: JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'host-device', ...step }),
        env: {
          CNI_COMMAND: verb,
          CNI_CONTAINERID: 'a',
          CNI_NETNS: join(lab.folder, 'a'),
          CNI_IFNAME: 'eth0',
          CNI_PATH: '/usr/lib/cni',
        },
      })
      return stdout === '' ? undefined : JSON.parse(stdout)
    }
    const rows = [
      { name: 'a card', step: { pciBusID: '0000:01:00.0' }, device: 'wire0' },
      { name: 'a virtio card', step: { pciBusID: '0000:02:00.0' }, device: 'wire1' },
      {
        name: 'a card by runtimeConfig',
        step: { runtimeConfig: { deviceID: '0000:01:00.0' } },
        device: 'wire0',
      },
      // 1.1.1 names no interface then; today's does.
      { name: 'of DPDK', step: { pciBusID: '0000:03:00.0' }, by: ['ours'] as const },
      {
        name: 'without a network',
        step: { pciBusID: '0000:04:00.0' },
        refusal: 'failed to find host device: no net directory under pci device 0000:04:00.0',
      },
      {
        name: 'without a driver',
        step: { pciBusID: '0000:05:00.0' },
        refusal:
          'error with host device: lstat /sys/bus/pci/devices/0000:05:00.0/driver: no such file or directory',
      },
      {
        name: 'that is not there',
        step: { runtimeConfig: { deviceID: '0000:09:00.0' } },
        refusal: 'runtime config DeviceID 0000:09:00.0 not found or unsupported',
        by: ['ours'] as const,
      },
      // 1.1.1 knows no auxiliary bus.
      {
        name: 'an auxiliary device',
        step: { runtimeConfig: { deviceID: 'mlx5_core.sf.4' } },
        device: 'wire0',
        by: ['ours'] as const,
      },
    ]
    for (const { name, step, device, refusal, by = ['ours', 'reference'] as const } of rows) {
      await context.test(name, () => {
        const said = by.map((one) => {
          const answer = exec(one, 'ADD', step)
          if (refusal !== undefined) {
            assert.equal(answer.msg, refusal, one)
            return
          }
          if (device)
            assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, new RegExp(`${device}@`))
          assert.equal(answer.interfaces?.length, 1, JSON.stringify(answer))
          assert.equal(exec(one, 'DEL', step), undefined)
          if (device) assert.equal(lab.exec(it.node, ['ip', 'link', 'show', device]).status, 0, one)
          return normalize(answer)
        })
        if (said.length === 2) assert.deepEqual(said[0], said[1])
      })
    }
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
