import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'

suiteOnEachBackend('queues, rules and links on top of others', () => {
  test('a token bucket, and an ingress redirect, are what tc(8) sees', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    rtnetlink.addLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'v1', up: true } })
    rtnetlink.addLink({ kind: 'ifb', name: 'ifb7', up: true })
    const bucket = { rateBytesPerSecond: 1_250_000, burstBytes: 125_000, limitBytes: 156_250 }
    rtnetlink.addQdisc({ device: 'v0', kind: 'tbf', ...bucket })
    rtnetlink.addQdisc({ device: 'v0', kind: 'ingress' })
    rtnetlink.addIngressRedirect({ device: 'v0', target: 'ifb7' })
    const tc = (...argv: string[]) => JSON.parse(lab.exec(netns, ['tc', '-j', ...argv]).stdout)
    const [root, ingress] = tc('qdisc', 'show', 'dev', 'v0')
    assert.deepEqual([root.kind, root.handle, root.root], ['tbf', '1:', true])
    assert.deepEqual(
      [root.options.rate, root.options.burst, root.options.limit ?? 156_250],
      [1_250_000, 125_000, 156_250],
    )
    assert.deepEqual([ingress.kind, ingress.handle], ['ingress', 'ffff:'])
    const action = tc('filter', 'show', 'dev', 'v0', 'ingress').at(-1).options.actions[0]
    assert.deepEqual(
      [action.mirred_action, action.to_dev, action.control_action.type],
      ['redirect', 'ifb7', 'stolen'],
    )
    const own = rtnetlink.qdiscs().filter(({ device }) => device === 'v0')
    assert.deepEqual(
      own.map(({ kind }) => kind),
      ['tbf', 'ingress'],
    )
    assert.deepEqual(rtnetlink.ingressRedirects('v0'), [{ device: 'v0', target: 'ifb7' }])
    assert.throws(() => rtnetlink.addQdisc({ device: 'v0', kind: 'ingress' }), /EEXIST/)
    for (const kind of ['root', 'ingress'] as const) {
      assert.equal(rtnetlink.deleteQdisc({ device: 'v0', kind }), true, kind)
      assert.equal(rtnetlink.deleteQdisc({ device: 'v0', kind }), false, kind)
    }
    assert.doesNotMatch(lab.exec(netns, ['tc', 'qdisc', 'show', 'dev', 'v0']).stdout, /tbf|ingress/)
  })

  test('rules are what ip(8) sees, and go again', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    const rules = [
      { family: 4, source: cidr('10.0.0.2/32'), table: 100 },
      { family: 4, source: cidr('10.1.0.0/16'), table: 70_000, priority: 77 },
      { family: 6, source: cidr('fd00::2/128'), table: 100 },
    ] as const
    for (const rule of rules) rtnetlink.addRule(rule)
    const ip4 = lab.exec(netns, ['ip', 'rule']).stdout
    assert.match(ip4, /^32765:\tfrom 10\.0\.0\.2 lookup 100/m)
    assert.match(ip4, /^77:\tfrom 10\.1\.0\.0\/16 lookup 70000/m)
    assert.match(lab.exec(netns, ['ip', '-6', 'rule']).stdout, /from fd00::2 lookup 100/)
    const listed = rtnetlink.rules().filter(({ source }) => source)
    assert.deepEqual(listed.map(({ source, table }) => [source?.address, table]).sort(), [
      ['10.0.0.2', 100],
      ['10.1.0.0', 70_000],
      ['fd00::2', 100],
    ])
    for (const rule of listed) assert.equal(rtnetlink.deleteRule(rule), true)
    assert.equal(rtnetlink.deleteRule(rules[0]), false)
    assert.doesNotMatch(lab.exec(netns, ['ip', 'rule']).stdout, /lookup 100/)
  })

  test('a macvlan is born in another namespace; a link moves there', () => {
    using lab = createLab()
    const [node, pod] = [lab.netns('node'), lab.netns('pod')]
    const [atNode, atPod] = [lab.rtnetlink(node), lab.rtnetlink(pod)]
    const below = atNode.addLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'v1' } })
    const made = atNode.addLink({
      kind: 'macvlan',
      name: 'mv0',
      device: 'v0',
      mode: 'private',
      netns: pod,
      mtuBytes: 1400,
    })
    assert.equal(atNode.link('mv0'), undefined)
    assert.deepEqual(
      [made.kind, made.macvlanMode, made.deviceIndex, made.mtuBytes],
      ['macvlan', 'private', below.index, 1400],
    )
    const { stdout } = lab.exec(pod, ['ip', '-d', 'link', 'show', 'mv0'])
    assert.match(stdout, /macvlan mode private/)
    atNode.setLink('v1', { netns: pod })
    assert.ok(atPod.link('v1'))
    atPod.setLink('mv0', { promiscuous: true, allMulticast: true, txQueueLength: 17, up: true })
    const seen = atPod.link('mv0')!
    assert.deepEqual([seen.promiscuity, seen.allMulticast, seen.txQueueLength], [1, true, 17])
    assert.match(lab.exec(pod, ['ip', 'link', 'show', 'mv0']).stdout, /ALLMULTI,PROMISC.* qlen 17/s)
  })

  test('routes have metrics, MTU and MSS', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    const rtnetlink = lab.rtnetlink(netns)
    rtnetlink.addLink({ kind: 'veth', name: 'v0', up: true, peer: { name: 'v1', up: true } })
    rtnetlink.replaceAddress({ device: 'v0', address: cidr('10.0.0.0/24') })
    const route = { family: 4, destination: cidr('10.9.0.0/16'), device: 'v0' } as const
    const metrics = { priority: 7, mtuBytes: 1300, advertisedMSS: 1200 }
    rtnetlink.replaceRoute({ ...route, gateway: ip('10.0.0.9'), ...metrics })
    const { stdout } = lab.exec(netns, ['ip', 'route', 'show', '10.9.0.0/16'])
    assert.match(stdout, /via 10\.0\.0\.9 dev v0 metric 7 mtu 1300 advmss 1200/)
    const found = rtnetlink.routes().find(({ priority }) => priority === 7)
    assert.deepEqual([found?.mtuBytes, found?.advertisedMSS], [1300, 1200])
  })
})
