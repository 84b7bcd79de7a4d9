import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr, parseInterfaceAddress } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { deleteLinkBeside } from './delete-link-beside.ts'

const address = (text: string) => parseInterfaceAddress(text)!

suiteOnEachBackend('links', (backend) => {
  test('a veth pair across namespaces is what ip(8) sees', () => {
    using lab = createLab()
    const [node, pod] = [lab.netns('node'), lab.netns('pod')]
    const [atNode, atPod] = [lab.rtnetlink(node), lab.rtnetlink(pod)]
    atNode.addLink({ kind: 'bridge', name: 'cni0', up: true })
    const link = atNode.addLink({
      kind: 'veth',
      name: 'veth1',
      up: true,
      master: 'cni0',
      mtuBytes: 1450,
      alias: 'default/web-0 "quoted"',
      peer: {
        name: 'eth0',
        netns: pod,
        up: true,
        mtuBytes: 1400,
        mac: mac('02:00:00:00:00:01'),
        alias: 'pod',
      },
    })
    const peer = atPod.link('eth0')!
    assert.equal(link.peerIndex, peer.index)
    assert.equal(peer.peerIndex, link.index)
    assert.equal(link.masterIndex, atNode.link('cni0')?.index)
    assert.deepEqual(
      [peer.up, peer.mtuBytes, peer.mac, peer.alias, peer.kind],
      [true, 1400, '02:00:00:00:00:01', 'pod', 'veth'],
    )
    const [seen] = JSON.parse(
      lab.exec(node, ['ip', '-j', '-d', 'link', 'show', 'dev', 'veth1']).stdout,
    )
    assert.equal(seen.ifindex, link.index)
    assert.equal(seen.mtu, 1450)
    assert.equal(seen.master, 'cni0')
    assert.equal(seen.ifalias, 'default/web-0 "quoted"')
    assert.equal(seen.address, link.mac)
    assert.equal(seen.linkinfo.info_kind, 'veth')
    assert.ok(seen.flags.includes('UP'))
  })

  test('setLink() changes everything in one call', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    const bridge = rtnetlink.addLink({ kind: 'bridge', name: 'br0' })
    rtnetlink.addLink({ kind: 'veth', name: 'v0', peer: { name: 'v1', master: 'br0' } })
    assert.equal(rtnetlink.link('v1')?.masterIndex, bridge.index)
    const port = { hairpin: true, isolated: true, promiscuous: true } as const
    const changes = { mtuBytes: 1300, mac: mac('02:00:00:00:00:07'), alias: 'x', ...port }
    rtnetlink.setLink('v0', { ...changes, name: 'eth7', master: 'br0', up: true })
    const { index, peerIndex, promiscuity, txQueueLength, ...link } = rtnetlink.link('eth7')!
    const { mtuBytes, ...rest } = { ...changes, kind: 'veth', name: 'eth7', up: true }
    assert.deepEqual(link, { ...rest, mtuBytes, masterIndex: bridge.index })
    // We and its bridge want to see everything; DEFAULT_TX_QUEUE_LEN.
    assert.deepEqual([promiscuity, txQueueLength], [2, 1000])
  })

  test('setLink() renames, joins, leaves, goes up and down', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    const bridge = rtnetlink.addLink({ kind: 'bridge', name: 'br0' })
    rtnetlink.addLink({ kind: 'veth', name: 'v0', peer: { name: 'v1' } })
    rtnetlink.setLink('v0', { name: 'eth7', mtuBytes: 1300, up: true })
    rtnetlink.setLink('eth7', { mac: mac('02:00:00:00:00:07'), alias: 'seven' })
    rtnetlink.setLink('eth7', { master: 'br0', hairpin: true })
    assert.equal(rtnetlink.link('v0'), undefined)
    const { up, mtuBytes, alias, masterIndex, hairpin, ...rest } = rtnetlink.link('eth7')!
    assert.deepEqual(
      { up, mtuBytes, alias, masterIndex, hairpin, mac: rest.mac },
      {
        up: true,
        mtuBytes: 1300,
        alias: 'seven',
        masterIndex: bridge.index,
        hairpin: true,
        mac: '02:00:00:00:00:07',
      },
    )
    rtnetlink.setLink('eth7', { hairpin: false })
    assert.equal(rtnetlink.link('eth7')?.hairpin, false)
    rtnetlink.setLink('eth7', { noMaster: true, up: false })
    assert.equal(rtnetlink.link('eth7')?.masterIndex, undefined)
    assert.equal(rtnetlink.link('eth7')?.up, false)
    rtnetlink.setLink('eth7', {})
  })

  test('a port is operational as soon as both ends are up', async () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
    rtnetlink.addLink({ kind: 'veth', name: 'v0', master: 'br0', up: true, peer: { name: 'v1' } })
    assert.equal(rtnetlink.link('v0')?.operUp, undefined)
    rtnetlink.setLink('v1', { up: true })
    // A thread of the kernel's finds out (net/core/link_watch.c).
    await waitFor(() => rtnetlink.link('v0')?.operUp, { what: 'v0 to be operational' })
  })

  test('a vxlan is what was asked for', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    const device = rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
    for (const [name, local] of [
      ['vx4', ip('172.30.0.11')],
      ['vx6', ip('fd00:172:30::11')],
    ] as const) {
      const vni = name === 'vx4' ? 1 : 2
      const vxlan = { vni, port: 8472, local, learning: false }
      const link = rtnetlink.addLink({ kind: 'vxlan', name, device: 'br0', ...vxlan })
      assert.deepEqual(link.vxlan, { ...vxlan, deviceIndex: device.index })
    }
  })

  test('errors name the operation and the cause', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    rtnetlink.addLink({ kind: 'bridge', name: 'br0' })
    const cases = [
      { call: () => rtnetlink.addLink({ kind: 'bridge', name: 'br0' }), errno: 'EEXIST' },
      { call: () => rtnetlink.setLink('nope', { up: true }), errno: 'ENODEV' },
      { call: () => rtnetlink.setLink('br0', { master: 'nope' }), errno: 'ENODEV' },
      {
        call: () => rtnetlink.replaceAddress({ device: 'nope', address: address('10.0.0.1/24') }),
        errno: 'ENODEV',
      },
      {
        call: () =>
          rtnetlink.replaceRoute({
            family: 4,
            destination: cidr('10.1.0.0/16'),
            gateway: ip('10.9.9.9'),
          }),
        errno: 'ENETUNREACH',
      },
    ]
    for (const { call, errno } of cases) assert.throws(call, { name: 'KernelError', errno })
    assert.throws(
      () => rtnetlink.addLink({ kind: 'bridge', name: 'br0' }),
      /^KernelError: Cannot add link br0 \(bridge\): EEXIST/,
    )
  })

  test('a veth whose peer cannot be set up leaves nothing', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    assert.throws(
      () => rtnetlink.addLink({ kind: 'veth', name: 'v0', peer: { name: 'v1', master: 'nope' } }),
      { errno: 'ENODEV' },
    )
    assert.deepEqual(
      rtnetlink.links().map(({ name }) => name),
      ['lo'],
    )
  })

  test('deleteLink() says whether there was one', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    rtnetlink.addLink({ kind: 'bridge', name: 'br0' })
    assert.equal(rtnetlink.hasLink('br0'), true)
    assert.equal(rtnetlink.deleteLink('br0'), true)
    assert.equal(rtnetlink.hasLink('br0'), false)
    assert.equal(rtnetlink.deleteLink('br0'), false)
    assert.equal(rtnetlink.deleteLink('a-name-that-is-far-too-long'), false)
  })

  test('deleteLinkBeside() returns when both ends and what led over them are gone', async () => {
    using lab = createLab()
    const [node, pod] = [lab.netns('node'), lab.netns('pod')]
    const [atNode, atPod] = [lab.rtnetlink(node), lab.rtnetlink(pod)]
    atNode.addLink({ kind: 'bridge', name: 'cni0', up: true })
    for (let i = 0; i < 5; i++) {
      const peer = { name: 'eth0', netns: pod, up: true } as const
      atNode.addLink({ kind: 'veth', name: 'veth1', up: true, master: 'cni0', peer })
      atPod.replaceAddress({ device: 'eth0', address: address('10.244.1.5/24') })
      assert.equal(await deleteLinkBeside('eth0', pod), true)
      assert.equal(atNode.link('veth1'), undefined)
      assert.equal(atPod.link('eth0'), undefined)
      const left = atPod.routes({ table: 'all' }).filter(({ device }) => device === 'eth0')
      assert.deepEqual(left, [])
    }
  })

  test('deleteLinkBeside() says whether there was one, also where two ask at once', async () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    rtnetlink.addLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'v1', up: true } })
    rtnetlink.addLink({ kind: 'bridge', name: 'br0' })
    const both = await Promise.all(['v0', 'v0'].map((name) => deleteLinkBeside(name, netns)))
    assert.ok(both.includes(true))
    const names = rtnetlink.links().map(({ name }) => name)
    assert.deepEqual(names, ['lo', 'br0'])
    assert.equal(await deleteLinkBeside('v0', netns), false)
    assert.equal(await deleteLinkBeside('a-name-that-is-far-too-long', netns), false)
    await assert.rejects(deleteLinkBeside('lo', netns), {
      name: 'KernelError',
      errno: 'EOPNOTSUPP',
    })
  })

  test('links() lists more than one datagram holds', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    const pairs = backend === 'ffi' ? 100 : 20
    for (let i = 0; i < pairs; i++) {
      rtnetlink.addLink({ kind: 'veth', name: `a${i}`, peer: { name: `b${i}` } })
    }
    assert.equal(rtnetlink.links().length, 2 * pairs + 1)
  })
})
