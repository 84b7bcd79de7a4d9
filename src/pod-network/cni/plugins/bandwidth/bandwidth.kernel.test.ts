import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { assertLimited, measureRate } from '../../../testing/measure-rate.ts'
import { type By, createPluginLab, normalize, ping } from '../testing/plugin-lab.ts'

const MBIT = 1_000_000
/** 1 MB/s, and 64 KB at once. */
const LIMIT = { rate: 8 * MBIT, burst: 512_000 }

suite('bandwidth', () => {
  test('limits what a pod receives, and what it sends, each alone', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const bridge = { type: 'bridge', isGateway: true, ipam: it.hostLocal('10.1.1.0/24') }
    const limits = [
      { pod: 'in', step: { ingressRate: LIMIT.rate, ingressBurst: LIMIT.burst } },
      { pod: 'out', step: { egressRate: LIMIT.rate, egressBurst: LIMIT.burst } },
    ]
    const measures = new Map<string, () => Promise<number>>()
    for (const { pod, step } of limits) {
      const netns = lab.netns(pod)
      const prevResult = await it.add('ours', pod, bridge)
      await it.add('ours', pod, { type: 'bandwidth', ...step }, { prevResult })
      const address = prevResult.ips[0].address.split('/')[0]
      measures.set(`to ${pod}`, () => measureRate(lab, it.node, netns, address, LIMIT.burst))
      measures.set(`from ${pod}`, () => measureRate(lab, netns, it.node, '10.1.1.1', LIMIT.burst))
    }
    for (const limited of ['to in', 'from out'])
      await assertLimited(measures.get(limited)!, LIMIT.rate)
    for (const free of ['from in', 'to out']) {
      const rate = await measures.get(free)!()
      assert.ok(rate > LIMIT.rate * 4, `${free}: ${rate} bit/s`)
    }
  })

  test('takes its limits from the runtime, as containerd spells them; checks, and goes away', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    lab.netns('a')
    const ipam = it.hostLocal('10.1.1.0/24')
    const prevResult = await it.add('ours', 'a', { type: 'bridge', isGateway: true, ipam })
    const rates = {
      IngressRate: 10 * MBIT,
      IngressBurst: MBIT,
      EgressRate: 20 * MBIT,
      EgressBurst: MBIT,
    }
    const step = { type: 'bandwidth', runtimeConfig: { bandwidth: rates } }
    const result = await it.add('ours', 'a', step, { prevResult })
    const [ifb] = result.interfaces.slice(-1)
    assert.match(ifb.name, /^bwp[0-9a-f]{12}$/)
    const { stdout } = lab.exec(it.node, ['tc', 'qdisc', 'show', 'dev', ifb.name])
    assert.match(stdout, /tbf 1: root .* rate 20Mbit burst 125000b lat 25ms/)
    await it.run('ours', 'CHECK', 'a', step, { prevResult: result })
    lab.exec(it.node, ['tc', 'qdisc', 'del', 'dev', ifb.name, 'root'])
    const message = await it.refused('ours', 'CHECK', 'a', step, { prevResult: result })
    assert.equal(message, 'Failed to find qdisc')
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step, { netns: '' })
    assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, /bwp/)
  })

  test('GC removes the links of attachments that are not valid, and those only', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const ipam = it.hostLocal('10.1.1.0/24')
    const step = { type: 'bandwidth', cniVersion: '1.1.0', egressRate: MBIT, egressBurst: MBIT }
    const names: string[] = []
    for (const pod of ['a', 'b']) {
      lab.netns(pod)
      const prevResult = await it.add('ours', pod, { type: 'bridge', cniVersion: '1.1.0', ipam })
      const { interfaces } = await it.add('ours', pod, step, { prevResult })
      names.push(interfaces.at(-1).name)
    }
    const valid = [{ containerID: 'b', ifname: 'eth0' }]
    await it.run('ours', 'GC', '', { ...step, 'cni.dev/valid-attachments': valid })
    const { stdout } = lab.exec(it.node, ['ip', '-br', 'link', 'show', 'type', 'ifb'])
    assert.ok(!stdout.includes(names[0]!) && stdout.includes(names[1]!), stdout)
  })

  test('says and makes what the reference does, and either checks and removes what the other made', async () => {
    using lab = createLab()
    const seen = new Map<By, unknown[]>()
    for (const by of ['ours', 'reference'] as const) {
      using it = createPluginLab(lab, { name: `node${by}` })
      const pod = lab.netns(`pod-${by}`)
      const ipam = it.hostLocal('10.1.1.0/24')
      const prevResult = await it.add('ours', `pod-${by}`, {
        type: 'bridge',
        isGateway: true,
        ipam,
      })
      const limit = { ingressRate: LIMIT.rate, ingressBurst: LIMIT.burst }
      const both = { ...limit, egressRate: LIMIT.rate, egressBurst: LIMIT.burst }
      const step = { type: 'bandwidth', ...both }
      const result = await it.add(by, `pod-${by}`, step, { prevResult })
      const port = result.interfaces[1].name
      const ifb = result.interfaces.at(-1).name
      const tc = (...argv: string[]) => lab.exec(it.node, ['tc', ...argv]).stdout.trim()
      const queues = [port, ifb].map((device) => tc('qdisc', 'show', 'dev', device))
      // The network's name is in the hash.
      seen.set(by, [normalize({ ...result, interfaces: result.interfaces.length }), queues])
      assert.ok(ping(lab, pod, '10.1.1.1'))
      const other = by === 'ours' ? 'reference' : 'ours'
      await it.run(other, 'CHECK', `pod-${by}`, step, { prevResult: result })
      await it.run(other, 'DEL', `pod-${by}`, step, { prevResult: result })
      assert.doesNotMatch(lab.exec(it.node, ['ip', 'link']).stdout, /bwp/)
    }
    assert.deepEqual(seen.get('ours'), seen.get('reference'))
  })
})
