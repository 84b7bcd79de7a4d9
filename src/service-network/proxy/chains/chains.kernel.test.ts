import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import { createLab } from '#testing/netns.ts'
import { areIntact, renderChains, renderRemoval } from './chain-script.ts'
import type { Chains, Match, Target } from './rule.ts'

const tcp: Match = { kind: 'protocol', protocol: 'tcp' }
const port: Match = { kind: 'port', protocol: 'tcp', port: 80 }

/** Every kind of match and target but those that need what this kernel may lack: `in-set`, `ipvs`. */
function everything(family: 4 | 6): Chains {
  const [host, network] =
    family === 4
      ? [ip('10.96.0.20'), cidr('10.244.0.0/16')]
      : [ip('fd00:10:96::20'), cidr('fd00:10:244::/56')]
  const nat = (when: readonly Match[], target: Target) => ({ when, do: target })
  return {
    jumps: [
      { table: 'nat', from: 'PREROUTING', when: [], to: 'OURS', at: 'last' },
      {
        table: 'nat',
        from: 'PREROUTING',
        when: [{ kind: 'comment', text: 'a "b" \\' }],
        to: 'OURS',
        at: 'first',
      },
      {
        table: 'filter',
        from: 'INPUT',
        when: [{ kind: 'state', state: 'NEW' }],
        to: 'OURS',
        at: 'first',
      },
    ],
    chains: [
      {
        table: 'nat',
        name: 'OURS',
        rules: [
          nat([tcp, { kind: 'comment', text: 'x' }, port, { kind: 'destination', network: host }], {
            kind: 'redirect',
            port: 41234,
          }),
          nat([port, tcp, { kind: 'not-bridged' }], { kind: 'dnat', ip: host, port: 41234 }),
          nat(
            [
              { kind: 'source', network, not: true },
              { kind: 'in-device', name: 'cni0' },
            ],
            { kind: 'mark' },
          ),
          nat([{ kind: 'marked', not: true }], { kind: 'return' }),
          nat([{ kind: 'marked' }], { kind: 'unmark' }),
          nat([{ kind: 'local-source', not: true }, { kind: 'local-destination' }], {
            kind: 'jump',
            chain: 'OTHER',
          }),
        ],
      },
      { table: 'nat', name: 'OTHER', rules: [nat([], { kind: 'accept' })] },
      {
        table: 'filter',
        name: 'OURS',
        rules: [
          nat([tcp, port, { kind: 'old-state-new' }], { kind: 'accept' }),
          nat([{ kind: 'state', state: 'DNAT', not: true }], { kind: 'drop' }),
          nat([{ kind: 'state', state: 'RELATED,ESTABLISHED' }], { kind: 'accept' }),
          nat([], { kind: 'reject' }),
          nat([{ kind: 'echo-request', family }], { kind: 'drop' }),
        ],
      },
    ],
  }
}

suite('chains of iptables', () => {
  for (const variant of ['nft', 'legacy'] as const)
    for (const family of [4, 6] as const)
      test(`come back as they were written (${variant}, IPv${family}), beside others' rules`, async () => {
        using lab = createLab()
        const netns = lab.netns('a')
        using iptables = await openAsyncIptables({
          variant,
          family,
          netns,
          lockFile: `${lab.folder}/lock`,
        })
        await iptables.run(['-t', 'nat', '-N', 'THEIRS'])
        await iptables.run(['-t', 'nat', '-A', 'PREROUTING', '-j', 'THEIRS'])
        const saved = async () => parseSave(await iptables.save())
        const before = await saved()
        const chains = everything(family)
        assert.equal(areIntact(chains, before, family), false)
        await iptables.restore(renderChains(chains, before, family))
        assert.equal(areIntact(chains, await saved(), family), true)
        const rules = (await saved()).get('nat')?.get('PREROUTING')?.rules
        assert.deepEqual(
          rules?.map((words) => words.at(-1)),
          ['OURS', 'THEIRS', 'OURS'],
        )

        // Twice is the same as once.
        await iptables.restore(renderChains(chains, await saved(), family))
        assert.equal((await saved()).get('nat')?.get('PREROUTING')?.rules.length, 3)
        await iptables.run(['-t', 'nat', '-D', 'OURS', '1'])
        assert.equal(areIntact(chains, await saved(), family), false)

        await iptables.restore(renderRemoval(chains, await saved(), family))
        const left = await saved()
        assert.deepEqual(left.get('nat')?.get('PREROUTING')?.rules, [['-j', 'THEIRS']])
        assert.equal(left.get('nat')?.has('OURS'), false)
        assert.equal(left.get('filter')?.has('OURS') ?? false, false)
        assert.equal(renderRemoval(chains, left, family), '')
      })
})
