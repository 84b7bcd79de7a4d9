import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { silentLog } from '#log/log.ts'
import { planServiceModel } from '../../model.ts'
import type { ModeOptions } from '../mode.ts'
import { createWorld, histories } from '../testing/histories.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { OPTIONS } from '../testing/packet-flows.ts'
import { createIptablesTable } from './iptables-table.ts'
import { settingsOf } from './settings.ts'
import { createFakeIptables } from './testing/fake-iptables.ts'

const HOUR_MS = 3_600_000
/** No sysctl is touched. */
const QUIET: ModeOptions = { ...OPTIONS, iptables: { localhostNodePorts: false } }

function openTable(options: ModeOptions = QUIET, iptables = createFakeIptables()) {
  let time = 0
  const deps = { iptables, log: silentLog, now: () => time }
  const table = createIptablesTable(deps, settingsOf(options))
  return {
    iptables,
    table,
    pass: (ms: number) => {
      time += ms
    },
    lastScript: () => iptables.scripts.at(-1)?.trimEnd().split('\n') ?? [],
  }
}

const web = serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80) })
const other = serviceOf('other', { clusterIP: '10.96.0.21', ports: portOf(80) })
const modelOf = (...addresses: readonly string[]) =>
  planServiceModel(
    [web, other],
    [sliceOf('web', addresses), sliceOf('other', ['10.244.2.2'])],
    OPTIONS,
  )

suite('createIptablesTable()', () => {
  for (const layout of ['modern', 'classic'] as const) {
    test(`after every history, changes one by one give what a fresh start gives (${layout})`, async () => {
      const options = { ...QUIET, iptables: { ...QUIET.iptables, layout } }
      await fc.assert(
        fc.asyncProperty(histories, async (history) => {
          const world = createWorld()
          const { table, iptables } = openTable(options)
          await table.sync(world.changed)
          for (const one of history) {
            world.happen(one)
            await table.sync(world.changed)
            const fresh = openTable(options)
            await fresh.table.sync(world.fresh)
            assert.equal(await iptables.save(), await fresh.iptables.save())
            assert.ok(await table.isIntact())
          }
        }),
        { numRuns: 50 },
      )
    })
  }

  test('another endpoint is its chain and that of its Service', async () => {
    const { table, lastScript } = openTable()
    await table.sync(modelOf('10.244.2.9'))
    assert.equal(await table.sync(modelOf('10.244.2.9', '10.244.3.9')), 'changed')
    // sha256("default/webtcp") and sha256("default/webtcp10.244.…:8080") in base 32, by sha256sum(1) and base32(1).
    assert.deepEqual(
      lastScript().filter((line) => /^[*:]|COMMIT/.test(line)),
      [
        '*nat',
        ':KUBE-SVC-LOLE4ISW44XBNF3G - [0:0]',
        ':KUBE-SEP-FQE2TFPTLWJIVQME - [0:0]',
        'COMMIT',
      ],
    )
    assert.equal(await table.sync(modelOf('10.244.2.9', '10.244.3.9')), 'nothing')
  })

  test('an endpoint that is gone leaves its chain last', async () => {
    const { table, lastScript } = openTable()
    await table.sync(modelOf('10.244.2.9', '10.244.3.9'))
    await table.sync(modelOf('10.244.2.9'))
    assert.match(lastScript().at(-2)!, /^-X KUBE-SEP-\w{16}$/)
    assert.equal(lastScript().filter((line) => line.startsWith('-X')).length, 1)
    assert.ok(!lastScript().some((line) => line.startsWith('-A KUBE-SERVICES')))
  })

  test('the last endpoint leaves: the Service is refused, and has no chain', async () => {
    const { table, iptables, lastScript } = openTable()
    await table.sync(modelOf('10.244.2.9'))
    await table.sync(modelOf())
    assert.ok(
      lastScript().includes(
        '-A KUBE-SERVICES -m comment --comment "default/web has no endpoints" -m tcp -p tcp -d 10.96.0.20 --dport 80 -j REJECT',
      ),
    )
    assert.equal((await iptables.save('nat')).includes('default/web'), false)
  })

  test('counts the rules that iptables-save shows in its chains, and those that the last sync wrote', async () => {
    const { table, iptables, lastScript } = openTable()
    const own = (lines: readonly string[]) =>
      lines.filter((line) => line.startsWith('-A KUBE-')).length
    const saved = async (name: 'nat' | 'filter') => own((await iptables.save(name)).split('\n'))
    await table.sync(modelOf('10.244.2.9'))
    await table.sync(modelOf('10.244.2.9', '10.244.3.9'))
    assert.deepEqual((await table.counters()).tables, {
      filter: { held: await saved('filter'), written: 0 },
      nat: { held: await saved('nat'), written: own(lastScript()) },
    })
    assert.ok((await saved('filter')) > 0 && own(lastScript()) > 0)
    await table.sync(modelOf('10.244.2.9', '10.244.3.9'))
    assert.equal((await table.counters()).tables?.nat?.written, 0)
  })

  test('writes everything after an error, and every hour', async () => {
    const { table, iptables, pass } = openTable()
    assert.equal(await table.sync(modelOf('10.244.2.9')), 'replaced')
    iptables.failOnce()
    await assert.rejects(table.sync(modelOf()), { errno: 'EAGAIN' })
    assert.equal(await table.sync(modelOf()), 'replaced')
    pass(HOUR_MS - 1)
    assert.equal(await table.sync(modelOf('10.244.2.9')), 'changed')
    pass(1)
    assert.equal(await table.sync(modelOf('10.244.2.9')), 'replaced')
  })

  test('removes what an earlier process left, of the other layout too, and nothing else', async () => {
    const { table, iptables } = openTable({
      ...QUIET,
      iptables: { ...QUIET.iptables, layout: 'classic' },
    })
    await iptables.restore(
      '*nat\n:CNI-X - [0:0]\n-A POSTROUTING -j CNI-X\n-A CNI-X -j RETURN\nCOMMIT\n',
    )
    await table.sync(planServiceModel([other], [sliceOf('other', ['10.244.2.2'])], OPTIONS))
    const { table: next } = openTable(QUIET, iptables)
    await next.sync(modelOf('10.244.2.9'))
    const fresh = openTable()
    await fresh.iptables.restore(
      '*nat\n:CNI-X - [0:0]\n-A POSTROUTING -j CNI-X\n-A CNI-X -j RETURN\nCOMMIT\n',
    )
    await fresh.table.sync(modelOf('10.244.2.9'))
    assert.equal(await iptables.save(), await fresh.iptables.save())
    await next.remove()
    assert.equal((await iptables.save()).includes('KUBE-'), false)
    assert.match(await iptables.save('nat'), /-A POSTROUTING -j CNI-X/)
  })

  test('leaves what is a kubelet’s', async () => {
    const { table, iptables } = openTable()
    await iptables.restore(
      '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n*filter\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n',
    )
    await table.sync(modelOf())
    await table.remove()
    assert.match(await iptables.save('filter'), /-A INPUT -j KUBE-FIREWALL/)
    assert.equal((await iptables.save('filter')).includes('KUBE-SERVICES'), false)
  })

  test('leaves what the ipvs mode has taken over', async () => {
    const { table, iptables } = openTable()
    await table.sync(modelOf('10.244.2.9'))
    const taken =
      '*nat\n:KUBE-NODE-PORT - [0:0]\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT\nCOMMIT\n'
    await iptables.restore(taken)
    await table.remove()
    const saved = await iptables.save()
    assert.match(saved, /-A PREROUTING .* -j KUBE-SERVICES/)
    assert.match(saved, /-A KUBE-POSTROUTING/)
    assert.doesNotMatch(saved, /KUBE-S(VC|EP)-|KUBE-NODEPORTS|KUBE-PROXY-CANARY/)
    // k/k pkg/proxy/ipvs/proxier.go, iptablesChains: of this name it has one in the nat table alone. The other would refuse what it serves.
    assert.doesNotMatch(await iptables.save('filter'), /KUBE-(EXTERNAL-)?SERVICES/)
  })

  test('sees that somebody changed rules', async () => {
    const changes = [
      '*nat\n-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\nCOMMIT\n',
      '*nat\n:KUBE-SERVICES - [0:0]\nCOMMIT\n',
      '*filter\n-X KUBE-PROXY-CANARY\nCOMMIT\n',
      '*nat\n-I KUBE-SERVICES 1 -j RETURN\nCOMMIT\n',
    ]
    for (const change of changes) {
      const { table, iptables } = openTable()
      await table.sync(modelOf('10.244.2.9'))
      assert.ok(await table.isIntact())
      await iptables.restore(change)
      assert.equal(await table.isIntact(), false, change)
      table.doubt()
      await table.sync(modelOf('10.244.2.9'))
      assert.ok(await table.isIntact(), change)
    }
  })

  test('with more than 1,000 endpoints, their chains have no comments', async () => {
    const addresses = Array.from({ length: 1001 }, (_, i) => `10.244.${i >> 8}.${i & 255}`)
    const model = (count: number) =>
      planServiceModel([web], [sliceOf('web', addresses.slice(0, count))], OPTIONS)
    const { table, iptables } = openTable()
    const count = async (pattern: RegExp) =>
      (await iptables.save('nat')).match(pattern)?.length ?? 0
    await table.sync(model(1000))
    assert.equal(await count(/-A KUBE-S(EP|VC).*--comment/g), 2000 + 1000 + 1)
    await table.sync(model(1001))
    // Only the one that masquerades says what it is for.
    assert.equal(await count(/-A KUBE-S(EP|VC).*--comment/g), 1)
    assert.equal(await count(/-A KUBE-SEP/g), 2002)
    await table.sync(model(1000))
    assert.equal(await count(/-A KUBE-S(EP|VC).*--comment/g), 3001)
  })
})
