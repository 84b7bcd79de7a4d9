import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { openAccounts } from './accounts.ts'

suite('accounts', () => {
  for (const variant of ['nft', 'legacy'] as const) {
    test(`count what a rule of iptables-${variant} meets, and keep it`, () => {
      using lab = createLab()
      const netns = lab.netns('a')
      using accounts = openAccounts(netns)
      accounts.ensure('pings')
      accounts.ensure('pings')
      const rule = ['-p', 'icmp', '-m', 'nfacct', '--nfacct-name', 'pings', '-j', 'ACCEPT']
      assert.equal(lab.exec(netns, [`iptables-${variant}`, '-A', 'INPUT', ...rule]).status, 0)
      lab.exec(netns, ['ping', '-c', '2', '-i', '0.01', '127.0.0.1'])
      // Two requests and two answers of 84 bytes.
      const counted = [{ name: 'pings', packets: 4n, bytes: 336n }]
      assert.deepEqual(accounts.read(), counted)
      lab.exec(netns, [`iptables-${variant}`, '-F'])
      accounts.ensure('pings')
      assert.deepEqual(accounts.read(), counted)
    })
  }

  test('each namespace has its own', () => {
    using lab = createLab()
    using inA = openAccounts(lab.netns('a'))
    using inB = openAccounts(lab.netns('b'))
    inA.ensure('x')
    assert.deepEqual(inB.read(), [])
  })

  test('refuses what the kernel would cut off', () => {
    using lab = createLab()
    using accounts = openAccounts(lab.netns('a'))
    for (const name of ['', 'a b', 'x'.repeat(32)])
      assert.throws(() => accounts.ensure(name), { errno: 'EINVAL' })
  })
})
