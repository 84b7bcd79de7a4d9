import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'

suiteOnEachBackend('neighbours and FDB entries', () => {
  test('neighbours are added once, listed and deleted', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
    const device = 'br0'
    const wanted = [
      { device, ip: ip('10.244.2.0'), mac: mac('02:00:00:00:02:00'), state: 'permanent' as const },
      { device, ip: ip('fd00:10::2'), mac: mac('02:00:00:00:02:06'), state: 'permanent' as const },
      { device, ip: ip('172.30.0.200'), proxy: true },
      { device, ip: ip('fd00:172:30::200'), proxy: true },
    ]
    for (const each of [...wanted, ...wanted]) rtnetlink.replaceNeighbour(each)
    const ours = () => rtnetlink.neighbours().filter(({ state }) => state !== 'noarp')
    const byIP = (a: { ip: string }, b: { ip: string }) => (a.ip < b.ip ? -1 : 1)
    assert.deepEqual(ours().sort(byIP), wanted.toSorted(byIP))
    for (const each of wanted) {
      assert.equal(rtnetlink.deleteNeighbour(each), true)
      assert.equal(rtnetlink.deleteNeighbour(each), false)
    }
    assert.deepEqual(ours(), [])
    assert.equal(rtnetlink.deleteNeighbour({ device: 'nope', ip: ip('10.0.0.1') }), false)
  })

  test('FDB entries of a vxlan: one VTEP a MAC, many for all zeros', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    const vxlan = { vni: 1, port: 8472, local: ip('172.30.0.11'), learning: false }
    rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
    rtnetlink.addLink({ kind: 'vxlan', name: 'vx0', device: 'br0', ...vxlan })
    const entry = (address: string, destination: string) => ({
      device: 'vx0',
      mac: mac(address),
      permanent: true,
      destination: ip(destination),
    })
    const wanted = [
      entry('00:00:00:00:00:00', '172.30.0.12'),
      entry('00:00:00:00:00:00', '172.30.0.13'),
      entry('02:00:00:00:02:00', '172.30.0.13'),
    ]
    rtnetlink.replaceFDBEntry(entry('02:00:00:00:02:00', '172.30.0.12'))
    for (const each of [...wanted, ...wanted]) rtnetlink.replaceFDBEntry(each)
    const ours = () => rtnetlink.fdb().filter(({ device }) => device === 'vx0')
    const key = ({ mac, destination }: { mac: string; destination?: string }) =>
      `${mac} ${destination}`
    assert.deepEqual(ours().map(key).sort(), wanted.map(key).sort())
    for (const each of wanted) {
      assert.equal(rtnetlink.deleteFDBEntry(each), true)
      assert.equal(rtnetlink.deleteFDBEntry(each), false)
    }
    assert.deepEqual(ours(), [])
  })
})
