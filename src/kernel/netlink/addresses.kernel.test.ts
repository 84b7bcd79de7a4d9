import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseInterfaceAddress } from '#ip/cidr.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'

const address = (text: string) => parseInterfaceAddress(text)!

suiteOnEachBackend('addresses', () => {
  test('are added once, listed and deleted', () => {
    using lab = createLab()
    const rtnetlink = lab.rtnetlink(lab.netns('a'))
    rtnetlink.addLink({ kind: 'bridge', name: 'br0', up: true })
    const wanted = ['10.244.1.1/24', '10.244.9.1/32', 'fd00:10:244:1::1/64'].map((text) => ({
      device: 'br0',
      address: address(text),
      scope: 0,
    }))
    for (const each of [...wanted, ...wanted]) rtnetlink.replaceAddress(each)
    assert.deepEqual(
      rtnetlink.addresses().filter(({ device, scope }) => device === 'br0' && scope === 0),
      wanted,
    )
    const own = rtnetlink.addresses({ device: 'br0' })
    assert.deepEqual(
      own.filter(({ scope }) => scope === 0),
      wanted,
    )
    assert.deepEqual(rtnetlink.addresses({ device: 'nope' }), [])
    for (const each of wanted) {
      assert.equal(rtnetlink.deleteAddress(each), true)
      assert.equal(rtnetlink.deleteAddress(each), false)
    }
    assert.equal(rtnetlink.deleteAddress({ device: 'nope', address: address('10.0.0.1/8') }), false)
  })
})
