import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { KernelError } from '../kernel-error.ts'
import { openIptables, quoteIptables } from './iptables.ts'

suite('iptables', () => {
  test('a script adds to what is there, in both families', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using iptables = openIptables(netns)
    lab.exec(netns, ['iptables', '-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'DROP'])
    iptables.restore(4, '*filter\n:A - [0:0]\n-A FORWARD -j A\nCOMMIT\n')
    iptables.restore(6, '*filter\n-A FORWARD -s 2001:db8::1 -j DROP\nCOMMIT\n')
    const { stdout } = lab.exec(netns, ['iptables', '-S', 'FORWARD'])
    assert.deepEqual(stdout.trim().split('\n'), [
      '-P FORWARD ACCEPT',
      '-A FORWARD -s 192.0.2.1/32 -j DROP',
      '-A FORWARD -j A',
    ])
    assert.match(iptables.save(4, 'filter'), /^-A FORWARD -j A$/m)
    assert.match(iptables.save(6), /^-A FORWARD -s 2001:db8::1\/128 -j DROP$/m)
  })

  test('a script that fails changes nothing, and the error is iptables’ own', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using iptables = openIptables(netns)
    assert.throws(
      () => iptables.restore(4, '*filter\n:A - [0:0]\n-A FORWARD -j NOWHERE\nCOMMIT\n'),
      (error) =>
        error instanceof KernelError && /Chain 'NOWHERE' does not exist/.test(error.message),
    )
    assert.doesNotMatch(iptables.save(4), /:A /)
  })

  test('a chain is listed by its rules, and one that is not there is told apart', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using iptables = openIptables(netns)
    assert.equal(iptables.list(4, 'nat', 'A'), undefined)
    iptables.restore(
      4,
      '*nat\n:A - [0:0]\n-A A -m comment --comment "two words" -j RETURN\nCOMMIT\n',
    )
    assert.deepEqual(iptables.list(4, 'nat', 'A'), [
      ['-A', 'A', '-m', 'comment', '--comment', 'two words', '-j', 'RETURN'],
    ])
    assert.deepEqual(iptables.list(6, 'nat', 'POSTROUTING'), [])
  })

  test('a quoted word comes back as it was', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using iptables = openIptables(netns)
    // As `iptables -A … --comment WORD` takes it from its own command line.
    const words = ['plain', 'two words', 'a "quoted" one', 'back\\slash', "it's", '$(id) `id`; -j']
    for (const word of words) {
      lab.exec(netns, ['iptables', '-A', 'INPUT', '-m', 'comment', '--comment', word])
    }
    const comments = words.map((word) => `-A OUTPUT -m comment --comment ${quoteIptables(word)}\n`)
    iptables.restore(4, `*filter\n${comments.join('')}COMMIT\n`)
    const rules = (chain: string) => iptables.save(4).match(new RegExp(`(?<=-A ${chain} ).*`, 'g'))
    assert.equal(rules('INPUT')?.length, words.length)
    assert.deepEqual(rules('OUTPUT'), rules('INPUT'))
    assert.throws(() => quoteIptables('two\nlines'), KernelError)
  })
})
