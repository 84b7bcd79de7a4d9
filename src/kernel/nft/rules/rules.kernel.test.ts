import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { NFT_MSG, RULE } from '#wire/netlink/nftables/constants.ts'
import { openNftSocket } from '../nft-socket.ts'
import { openNft } from '../open-nft.ts'
import { formatChanges } from './format-changes.ts'
import type { NftChange, Rule, TableName } from './model.ts'
import { openNftRules } from './open-nft-rules.ts'
import { canWrite, writeChanges } from './write-changes.ts'

/** Every kind of change, match and verdict, in networks that end between bytes and within them. */
function changesOf(table: TableName): readonly NftChange[] {
  const isV6 = table.family === 'ip6'
  const [pod, port] = [isV6 ? ip('fd00::2') : ip('10.244.1.2'), 8080]
  const networks = isV6
    ? ['fd00::2/128', 'fd00::/64', 'fd00::/61', 'ff00::/8']
    : ['10.244.1.2/32', '10.244.1.0/24', '10.244.16.0/20', '127.0.0.0/8', '224.0.0.0/4']
  const of = (chain: string, rule: Rule, change: 'add rule' | 'insert rule' = 'add rule') => ({
    ...{ change, ...table, chain, ...rule },
  })
  const chain = (name: string): NftChange => ({ change: 'add chain', ...table, chain: name })
  return [
    { change: 'add table', ...table, comment: 'what it is for' },
    chain('a'),
    chain('b'),
    ...(['prerouting', 'output', 'postrouting'] as const).map(
      (hook): NftChange => ({
        ...{ change: 'add chain', ...table, chain: hook },
        hook: { type: 'nat', hook, priority: hook === 'postrouting' ? 100 : -100 },
      }),
    ),
    of('a', { verdict: { do: 'return' } }),
    { change: 'flush chain', ...table, chain: 'a' },
    ...networks.flatMap((text) => [
      of('a', { when: [{ is: 'saddr', in: cidr(text) }], verdict: { do: 'return' } }),
      of('a', { when: [{ is: 'daddr', in: cidr(text), not: true }], verdict: { do: 'return' } }),
    ]),
    ...(['tcp', 'udp', 'sctp'] as const).map((protocol) =>
      of('b', {
        when: [{ is: 'dport', protocol, port: 8088 }],
        ...(table.family === 'inet'
          ? { verdict: { do: 'return' } }
          : { verdict: { do: 'dnat', to: pod, port } }),
        comment: `container-${protocol}`,
      }),
    ),
    of('b', { verdict: { do: 'jump', chain: 'a' }, comment: 'first' }, 'insert rule'),
    of('prerouting', { when: [{ is: 'for us' }], verdict: { do: 'goto', chain: 'b' } }),
    of('postrouting', { verdict: { do: 'masquerade' }, comment: 'x'.repeat(128) }),
  ]
}

suite('writeChanges()', () => {
  for (const family of ['ip', 'ip6', 'inet'] as const)
    test(`makes of ${family} what nft(8) makes of the words, byte by byte`, () => {
      using lab = createLab()
      const [byWords, byMessages] = [lab.netns('a'), lab.netns('b')]
      const table = { family, table: 't' } as const
      const changes = changesOf(table)
      assert.ok(canWrite(changes))
      lab.exec(byWords, ['nft', '-f', '-'], { input: formatChanges(changes) })
      using socket = openNftSocket(byMessages)
      socket.commit((writer) => writeChanges(writer, changes))
      const listing = (netns: typeof byWords) =>
        lab.exec(netns, ['nft', '-a', 'list', 'ruleset']).stdout
      assert.match(listing(byWords), /comment "container-sctp"/)
      assert.equal(listing(byMessages), listing(byWords))
      using other = openNftSocket(byWords)
      const bytesOf = (from: typeof socket) =>
        from
          .dump('list rules', (writer, flags) => {
            writer.begin(NFT_MSG.getRule, flags, 0)
            writer.text(RULE.table, 't')
          })
          // Behind `struct nfgenmsg`, whose last bytes count the transactions.
          .map((body) => Buffer.from(body.subarray(4)).toString('hex'))
      const written = changes.filter(({ change }) => change.endsWith('rule')).length
      // One was flushed.
      assert.equal(bytesOf(other).length, written - 1)
      assert.deepEqual(bytesOf(socket), bytesOf(other))
    })
})

suiteOnEachBackend('rules of nftables', () => {
  const table = { family: 'ip', table: 't' } as const
  const add = (chain: string, comment?: string): NftChange => ({
    ...{ change: 'add rule', ...table, chain, verdict: { do: 'return' } },
    ...(comment !== undefined && { comment }),
  })
  const base: readonly NftChange[] = [
    { change: 'add table', ...table },
    { change: 'add chain', ...table, chain: 'a' },
    { change: 'add chain', ...table, chain: 'b' },
  ]

  test('are found by their comments, and deleted by their handles', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using nft = openNft(netns)
    using rules = openNftRules(() => nft, netns)
    assert.deepEqual(rules.list(table), [])
    assert.equal(rules.hasTable(table), false)
    rules.commit([])
    rules.commit([...base, add('a', 'one'), add('a'), add('b', 'two')])
    nft.commit('add table ip other\nadd chain ip other a\nadd rule ip other a return comment "one"')
    assert.equal(rules.hasTable(table), true)
    const listed = rules.list(table)
    assert.deepEqual(
      listed.map(({ chain, comment }) => [chain, comment]),
      [
        ['a', 'one'],
        ['a', undefined],
        ['b', 'two'],
      ],
    )
    assert.equal(new Set(listed.map(({ content }) => content)).size, 1)
    assert.deepEqual(
      rules.list({ ...table, chain: 'b' }).map(({ comment }) => comment),
      ['two'],
    )
    const { handle, chain } = listed[0]!
    rules.commit([{ change: 'delete rule', ...table, chain, handle }])
    assert.equal(rules.list({ ...table, chain: 'a' }).length, 1)
    assert.equal(rules.list({ family: 'ip', table: 'other' }).length, 1)
  })

  test('change all together or not at all', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using nft = openNft(netns)
    using rules = openNftRules(() => nft, netns)
    rules.commit([...base, add('a', 'one')])
    const before = rules.list(table)
    const gone: NftChange = { change: 'delete rule', ...table, chain: 'a', handle: 9999 }
    assert.throws(() => rules.commit([add('b', 'two'), gone]), { errno: 'ENOENT' })
    assert.deepEqual(rules.list(table), before)
  })

  test('say in words what has no message', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using nft = openNft(netns)
    using rules = openNftRules(() => nft, netns)
    const all = cidr('0.0.0.0/0')
    const words: readonly Rule[] = [
      { when: [{ is: 'words', words: 'iifname "eth*"' }], verdict: { do: 'return' } },
      { when: [{ is: 'saddr', in: all }], verdict: { do: 'return' } },
    ]
    for (const rule of words) {
      const change: NftChange = { change: 'add rule', ...table, chain: 'a', ...rule }
      assert.equal(canWrite([change]), false)
      rules.commit([...base, change])
    }
    assert.match(nft.read('list table ip t'), /iifname "eth\*" return\n\s+ip saddr 0\.0\.0\.0\/0/)
    // NFTNL_UDATA_COMMENT_MAXLEN, of which nft(8) tells.
    assert.throws(() => rules.commit([add('a', 'x'.repeat(129))]), { name: 'KernelError' })
  })
})
