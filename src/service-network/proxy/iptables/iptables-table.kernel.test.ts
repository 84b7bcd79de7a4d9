import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import fc from 'fast-check'
import { openAsyncIptables } from '#kernel/iptables/open-async-iptables.ts'
import { parseSave } from '#kernel/iptables/parse-save.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { planServiceModel } from '../../model.ts'
import type { IptablesOptions } from '../mode.ts'
import { createWorld, histories } from '../testing/histories.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C, OPTIONS, SERVICES, SLICES } from '../testing/packet-flows.ts'
import { iptablesMode } from './iptables-mode.ts'

const VARIANTS = ['nft', 'legacy'] as const
type Variant = (typeof VARIANTS)[number]

const open = (netns: Netns, variant: Variant, more: IptablesOptions = {}) =>
  iptablesMode.open({ netns, log: silentLog }, { ...OPTIONS, iptables: { variant, ...more } })

for (const variant of VARIANTS) {
  suite(`rules in the kernel, by iptables-${variant}`, () => {
    test('after every history, changes one by one give what a fresh start gives', async () => {
      using lab = createLab()
      const [changed, fresh] = [lab.netns('changed'), lab.netns('fresh')]
      const saved = async (netns: Netns) => {
        using iptables = await openAsyncIptables({ family: 4, variant, netns })
        return parseSave(await iptables.save())
      }
      await fc.assert(
        fc.asyncProperty(histories, async (history) => {
          const world = createWorld()
          await using table = await open(changed, variant)
          await table.sync(world.changed)
          for (const one of history) {
            world.happen(one)
            await table.sync(world.changed)
          }
          await using other = await open(fresh, variant)
          await other.sync(world.fresh)
          assert.deepEqual(await saved(changed), await saved(fresh))
          assert.ok(await table.isIntact())
        }),
        { numRuns: 5 },
      )
    })

    test('leaves nothing behind when it is removed, or when another mode removes its leftovers', async () => {
      using lab = createLab()
      const netns = lab.netns('node1')
      const list = () => lab.exec(netns, [`iptables-${variant}-save`]).stdout
      const model = planServiceModel(SERVICES, SLICES, OPTIONS)
      const localnet = () => readSysctl('net.ipv4.conf.all.route_localnet', netns)
      const before = localnet()
      for (const how of ['remove', 'leftovers'] as const) {
        await using table = await open(netns, variant)
        await table.sync(model)
        assert.match(list(), /KUBE-SERVICES/)
        assert.equal(localnet(), '1')
        if (how === 'remove') await table.remove()
        else await iptablesMode.removeLeftovers({ netns, log: silentLog }, 4)
        assert.doesNotMatch(list(), /KUBE-/, how)
        assert.equal(localnet(), before, 'without the rule against its abuse it must not stay open')
      }
      await iptablesMode.removeLeftovers({ netns, log: silentLog }, 4)
    })

    // CVE-2020-8558: who closes it cuts what the node itself reaches at 127.0.0.1; who leaves it open without a guard lets neighbours in.
    test('leftovers of the other variant go, and what is at work stays', async () => {
      using lab = createLab()
      const netns = lab.netns('node1')
      const [otherVariant] = VARIANTS.filter((each) => each !== variant)
      const list = (of: Variant = variant) => {
        const { status, stdout, stderr } = lab.exec(netns, [`iptables-${of}-save`])
        assert.equal(status, 0, stderr)
        return stdout.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '')
      }
      const localnet = () => readSysctl('net.ipv4.conf.all.route_localnet', netns)
      const model = planServiceModel(SERVICES, SLICES, OPTIONS)
      for (const localhostNodePorts of [true, false]) {
        {
          await using before = await open(netns, otherVariant!)
          await before.sync(model)
        }
        await using table = await open(netns, variant, { localhostNodePorts })
        await table.sync(model)
        const own = list()
        assert.equal(own.includes('KUBE-FIREWALL'), localhostNodePorts)
        assert.match(list(otherVariant), /KUBE-SERVICES/)
        await iptablesMode.removeLeftovers({ netns, log: silentLog }, 4, variant)
        assert.doesNotMatch(list(otherVariant), /KUBE-/)
        assert.equal(list(), own)
        assert.ok(await table.isIntact())
        assert.equal(localnet(), localhostNodePorts ? '1' : '0')
        await iptablesMode.removeLeftovers({ netns, log: silentLog }, 4)
      }
    })
  })
}

suite('iptables rules that somebody changed', () => {
  let cluster: NodeLab
  let proxy: RunningProxy | undefined
  before(async () => {
    cluster = await createNodeLab()
    await cluster.put(
      serviceOf('web', { clusterIP: '10.96.1.1', ports: portOf(80) }),
      sliceOf('web', [A, B, C]),
    )
  })
  afterEach(() => proxy?.stop())
  after(() => cluster?.[Symbol.dispose]())

  const cases: readonly (readonly [variant: Variant, command: readonly string[]])[] = [
    ['nft', ['nft', 'flush', 'ruleset']],
    ['nft', ['iptables-nft', '-t', 'nat', '-F', 'KUBE-SERVICES']],
    ['nft', ['iptables-nft', '-t', 'nat', '-F', 'PREROUTING']],
    ['legacy', ['sh', '-c', 'iptables-legacy -t nat -F; iptables-legacy -t nat -X']],
  ]
  for (const [variant, command] of cases) {
    test(`heal within seconds: ${command.join(' ')}`, async () => {
      proxy = await cluster.startProxy({
        mode: 'iptables',
        iptables: { variant },
        checkIntervalMs: 500,
      })
      const answer = async () => {
        const question = {
          protocol: 'tcp',
          address: '10.96.1.1',
          port: 80,
          timeoutMs: 1000,
        } as const
        return (await cluster.ask(B, [question]))[0]!.answers[0]!
      }
      assert.match(await answer(), /^[abc] /)
      cluster.lab.exec(cluster.node, command)
      await waitFor(async () => /^[abc] /.test(await answer()), {
        what: 'the rules',
      })
      await proxy.stop()
      await iptablesMode.removeLeftovers({ netns: cluster.node, log: silentLog }, 4)
      proxy = undefined
    })
  }
})
