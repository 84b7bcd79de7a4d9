import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Family } from '#ip/ip.ts'
import { createLab } from '#testing/netns.ts'
import type { IptablesVariant } from './async-iptables.ts'
import { openAsyncIptables } from './open-async-iptables.ts'
import { parseSave } from './parse-save.ts'
import { formatRestoreLine } from './restore-line.ts'

const kinds: readonly (readonly [IptablesVariant, Family])[] = [
  ['nft', 4],
  ['nft', 6],
  ['legacy', 4],
  ['legacy', 6],
]

for (const [variant, family] of kinds) {
  suite(`async iptables (${variant}, IPv${family})`, () => {
    const setUp = async (lab: ReturnType<typeof createLab>) => {
      const netns = lab.netns('a')
      const lockFile = join(lab.folder, 'xtables.lock')
      return {
        netns,
        lockFile,
        iptables: await openAsyncIptables({ family, variant, netns, lockFile }),
      }
    }

    test('restore() keeps what it does not name, and counters', async () => {
      using lab = createLab()
      const { iptables: opened } = await setUp(lab)
      using iptables = opened
      assert.equal(iptables.variant, variant)
      await iptables.run(['-t', 'nat', '-N', 'OTHERS'])
      await iptables.restore('*nat\n:OURS - [3:180]\n[3:180] -A OURS -j RETURN\nCOMMIT\n')
      const saved = parseSave(await iptables.save('nat')).get('nat')
      assert.deepEqual(saved?.get('OTHERS')?.rules, [])
      assert.deepEqual(saved?.get('OURS')?.rules, [['-j', 'RETURN']])
      assert.match(lab.exec(lab.netns('b'), ['iptables', '-S']).stdout, /^-P INPUT/, 'b is another')
      // ip6tables-nft-restore 1.8.9 drops the counters that it is given.
      const counters = variant === 'nft' && family === 6 ? /-c \d+ \d+/ : /-c 3 180/
      assert.match(await iptables.run(['-t', 'nat', '-v', '-S', 'OURS']), counters)
    })

    test('a comment comes back as it was given', async () => {
      using lab = createLab()
      const { iptables: opened } = await setUp(lab)
      using iptables = opened
      const comment = 'a "quoted" \\ text -A OURS -j DROP; $(x)'
      const line = formatRestoreLine(['-A', 'OURS', '-m', 'comment', '--comment', comment])
      await iptables.restore(`*filter\n:OURS - [0:0]\n${line}\nCOMMIT\n`)
      const rule = ['-m', 'comment', '--comment', comment]
      assert.deepEqual(
        parseSave(await iptables.save())
          .get('filter')
          ?.get('OURS')?.rules,
        [rule],
      )
      assert.equal(await iptables.has('filter', 'OURS', rule), true)
      assert.equal(await iptables.has('filter', 'OURS', ['-j', 'DROP']), false)
      assert.equal(await iptables.has('filter', 'MISSING', rule), false)
      assert.equal(await iptables.has('filter', 'OURS', ['-j', 'MISSING']), false)
    })

    test('restore() of a table is all or nothing, and names the line', async () => {
      using lab = createLab()
      const { iptables: opened } = await setUp(lab)
      using iptables = opened
      const script = '*nat\n:OURS - [0:0]\n-A OURS -j RETURN\n-A OURS -j MISSING\nCOMMIT\n'
      await assert.rejects(
        iptables.restore(script),
        /-A OURS -j MISSING|Chain 'MISSING' does not exist/,
      )
      assert.equal(
        parseSave(await iptables.save('nat'))
          .get('nat')
          ?.has('OURS') ?? false,
        false,
      )
    })

    test('errors that callers tell apart', async () => {
      using lab = createLab()
      const { iptables: opened } = await setUp(lab)
      using iptables = opened
      await iptables.run(['-N', 'OURS'])
      await assert.rejects(iptables.run(['-N', 'OURS']), { errno: 'EEXIST' })
      await assert.rejects(iptables.run(['-X', 'MISSING']), { errno: 'ENOENT' })
      await assert.rejects(iptables.run(['-D', 'OURS', '-j', 'DROP']), { errno: 'ENOENT' })
      iptables[Symbol.dispose]()
      await assert.rejects(async () => iptables.save(), { errno: 'EBADF' })
    })
  })
}

test('the legacy lock is waited for, and then given up', async () => {
  using lab = createLab()
  const netns = lab.netns('a')
  const lockFile = join(lab.folder, 'lock')
  using iptables = await openAsyncIptables({
    family: 4,
    variant: 'legacy',
    netns,
    lockFile,
    lockSeconds: 1,
  })
  using elsewhere = await openAsyncIptables({
    family: 4,
    variant: 'legacy',
    netns,
    lockFile: `${lockFile}2`,
  })
  using holder = lab.spawn(netns, ['bash', '-c', `exec 9>${lockFile}; flock 9; echo held; read`])
  await holder.outputs('held')
  await assert.rejects(iptables.run(['-N', 'OURS']), { errno: 'EAGAIN' })
  await elsewhere.run(['-N', 'OURS'])
})
