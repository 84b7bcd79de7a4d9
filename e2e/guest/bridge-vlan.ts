import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Netns } from '#kernel/netns/netns.ts'
import { createPluginRunner } from '#pod-network/testing/plugin-runner.ts'
import { prepareNode } from '#pod-network/testing/prepare-node.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab, type Lab } from '#testing/netns.ts'

/* Runs in a guest whose kernel filters by VLAN (CONFIG_BRIDGE_VLAN_FILTERING): see e2e/cni-plugins.test.ts. */

function createNode(lab: Lab, side: 'ours' | 'reference') {
  const netns = lab.netns(`node-${side}`)
  prepareNode(netns)
  const runner = createPluginRunner(lab, netns)
  const ipam = { type: 'host-local', subnet: '10.9.0.0/24', dataDir: join(lab.folder, side) }
  const add = async (name: string, config: object) => {
    const pod = lab.netns(`${name}-${side}`)
    const { exitCode, stdout, json } = await runner[side]({
      type: 'bridge',
      verb: 'ADD',
      containerID: name,
      netns: pod.path,
      config: { cniVersion: '1.0.0', name: 'net', ipam, ...config },
    })
    assert.equal(exitCode, 0, stdout)
    return { netns: pod, address: json.ips[0].address.split('/')[0] as string, result: json }
  }
  /** `vid flags` of each port, ports by the pod that they lead to. */
  const vlans = () =>
    (
      JSON.parse(lab.exec(netns, ['bridge', '-j', 'vlan', 'show']).stdout) as {
        ifname: string
        vlans: { vlan: number; flags?: string[] }[]
      }[]
    )
      .map(({ ifname, vlans: held }) => {
        const name = ifname.replace(/^veth.*/, 'veth')
        return `${name}: ${held.map(({ vlan, flags = [] }) => [vlan, ...flags].join(' ')).join(', ')}`
      })
      .sort()
  return { netns, add, vlans, [Symbol.dispose]: () => runner[Symbol.dispose]() }
}

function pings(lab: Lab, from: Netns, to: string): boolean {
  return lab.exec(from, ['ping', '-c1', '-W2', to]).status === 0
}

suite('bridge with VLANs', () => {
  test('pods of one VLAN reach each other and their gateway, and no other VLAN', async () => {
    using lab = createLab()
    using node = createNode(lab, 'ours')
    const a = await node.add('a', { vlan: 100, isGateway: true })
    const b = await node.add('b', { vlan: 100, isGateway: true })
    const c = await node.add('c', { vlan: 200 })
    assert.equal(pings(lab, a.netns, b.address), true)
    assert.equal(pings(lab, a.netns, '10.9.0.1'), true)
    assert.equal(pings(lab, a.netns, c.address), false)
    assert.equal(pings(lab, c.netns, '10.9.0.1'), false)
    assert.equal(a.result.interfaces[3].name, 'cni0.100')
  })

  test('a trunk carries its VLANs with their tags, and its own without', async () => {
    using lab = createLab()
    using node = createNode(lab, 'ours')
    const trunk = await node.add('trunk', { vlanTrunk: [{ minID: 100, maxID: 101 }, { id: 300 }] })
    const pod = await node.add('a', { vlan: 101 })
    lab.exec(trunk.netns, 'ip link add v101 link eth0 type vlan id 101'.split(' '))
    lab.exec(trunk.netns, 'ip addr add 10.9.0.99/24 dev v101'.split(' '))
    lab.exec(trunk.netns, 'ip addr del dev eth0'.split(' ').concat(`${trunk.address}/24`))
    lab.exec(trunk.netns, 'ip link set v101 up'.split(' '))
    assert.equal(pings(lab, trunk.netns, pod.address), true)
    assert.match(node.vlans().join('\n'), /veth: 1 PVID Egress Untagged, 100, 101, 300/)
  })

  test('the ports are in the VLANs that the reference puts them into', async () => {
    using lab = createLab()
    // 1.1.1 knows `vlan` only, and leaves ports in VLAN 1; later ones take them out, unless told otherwise.
    const states = []
    for (const side of ['reference', 'ours'] as const) {
      using node = createNode(lab, side)
      await node.add('a', { vlan: 100, isGateway: true, preserveDefaultVlan: true })
      await node.add('b', {})
      states.push(node.vlans().filter((line) => !line.startsWith('cni0:')))
    }
    assert.deepEqual(states[1], states[0])
  })

  test('a bridge that is there gets its filter', async () => {
    using lab = createLab()
    using node = createNode(lab, 'ours')
    await node.add('a', {})
    const b = await node.add('b', { vlan: 100 })
    assert.equal(lab.rtnetlink(node.netns).link('cni0')?.vlanFiltering, true)
    assert.equal(pings(lab, b.netns, '10.9.0.2'), false)
  })
})

suiteOnEachBackend('VLANs of ports', () => {
  test('are listed, added and deleted', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    rtnetlink.addLink({ kind: 'bridge', name: 'br0', vlanFiltering: true })
    rtnetlink.addLink({ kind: 'veth', name: 'v0', master: 'br0', peer: { name: 'v1' } })
    rtnetlink.addBridgeVLAN({ device: 'v0', vid: 100, pvid: true, untagged: true })
    rtnetlink.addBridgeVLAN({ device: 'v0', vid: 101 })
    rtnetlink.deleteBridgeVLAN({ device: 'v0', vid: 1 })
    assert.deepEqual(
      rtnetlink.bridgeVLANs().filter(({ device }) => device === 'v0'),
      [
        { device: 'v0', vid: 100, pvid: true, untagged: true },
        { device: 'v0', vid: 101, pvid: false, untagged: false },
      ],
    )
  })
})
