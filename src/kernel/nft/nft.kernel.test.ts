import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { KernelError } from '../kernel-error.ts'
import { openNft } from './open-nft.ts'

const COUNTED = `
add table ip t
add counter ip t hits
add chain ip t input { type filter hook input priority 0; }
add rule ip t input tcp dport 80 counter name hits reject with tcp reset
`

suiteOnEachBackend('nft', () => {
  test('commit() makes rules that packets meet', () => {
    using lab = createLab()
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    lab.connect(
      { netns: a, device: 'eth0', address: '172.30.0.11/24' },
      { netns: b, device: 'eth0', address: '172.30.0.12/24' },
    )
    using nft = openNft(b)
    nft.commit(COUNTED)
    assert.equal(lab.canConnect(a, '172.30.0.12', 80), false)
    const { nftables } = JSON.parse(nft.read('list counter ip t hits', { json: true }))
    assert.equal(nftables.at(-1).counter.packets, 1)
    assert.match(nft.read('list counter ip t hits'), /packets 1 /)
  })

  test('commit() is one transaction: an error leaves everything as it was', () => {
    using lab = createLab()
    using nft = openNft(lab.netns('a'))
    nft.commit('add table ip t')
    const before = nft.read('list ruleset')
    assert.throws(
      () => nft.commit('add chain ip t kept\nadd rule ip nowhere c accept'),
      (error) =>
        error instanceof KernelError &&
        error.errno === 'ENOENT' &&
        /line 2: .*\nadd rule ip nowhere c accept/.test(error.message),
    )
    assert.equal(nft.read('list ruleset'), before)
  })

  test('commit() says what nft says of a syntax error', () => {
    using lab = createLab()
    using nft = openNft(lab.netns('a'))
    assert.throws(() => nft.commit('add tabel ip t'), { errno: 'EINVAL', message: /syntax error/ })
    assert.throws(() => nft.commit('add table ip t\0x'), { errno: 'EINVAL' })
  })

  test('works in a process with many descriptors', () => {
    using lab = createLab()
    using many = new DisposableStack()
    // select(2): FD_SETSIZE, 1024. A relay for each port of a Service holds more.
    for (let fd = 0; fd < 1024; fd = many.adopt(openSync('/dev/null', 'r'), closeSync));
    using nft = openNft(lab.netns('a'))
    nft.commit('add table ip many')
    assert.match(nft.read('list tables'), /many/)
  })

  test('each namespace has its own', () => {
    using lab = createLab()
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    using inA = openNft(a)
    using inB = openNft(b)
    inA.commit('add table ip only-in-a')
    assert.match(lab.exec(a, ['nft', 'list', 'tables']).stdout, /only-in-a/)
    assert.equal(inB.read('list tables'), '')
  })

  test('sees what others changed meanwhile', () => {
    using lab = createLab()
    const a = lab.netns('a')
    using nft = openNft(a)
    nft.commit('add table ip t\nadd chain ip t c')
    lab.exec(a, ['nft', 'delete', 'table', 'ip', 't'])
    assert.throws(() => nft.commit('add rule ip t c accept'), { errno: 'ENOENT' })
    nft.commit('add table ip t\nadd chain ip t c\nadd rule ip t c accept')
    assert.match(nft.read('list ruleset'), /accept/)
  })

  test('refuses to work when closed', () => {
    using lab = createLab()
    const nft = openNft(lab.netns('a'))
    nft[Symbol.dispose]()
    nft[Symbol.dispose]()
    assert.throws(() => nft.commit('add table ip t'), { errno: 'EBADF' })
  })
})
