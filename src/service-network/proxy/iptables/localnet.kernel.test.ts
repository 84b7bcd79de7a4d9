import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { answer } from '../testing/answer.ts'
import { createNodeLab, type NodeLab } from '../testing/node-lab.ts'
import { B, NODE, OUTSIDE } from '../testing/packet-flows.ts'

// k/k#92315, CVE-2020-8558: with route_localnet, which nodePorts at 127.0.0.1 need, neighbours reach what listens at 127.0.0.1 of the node.
suite('127.0.0.1 of a node in iptables mode', () => {
  let cluster: NodeLab
  let server: Disposable | undefined
  before(async () => {
    cluster = await createNodeLab()
    server = await answer(cluster.node, 'node', ip('127.0.0.1'))
    // Neighbours that send it: their own 127.0.0.1 is out of the way.
    for (const [from, gateway] of [
      [OUTSIDE, NODE],
      [B, '10.244.1.1'],
    ] as const)
      for (const command of [
        'ip addr del 127.0.0.1/8 dev lo',
        'sysctl -qw net.ipv4.conf.all.route_localnet=1',
        `ip route add 127.0.0.1/32 via ${gateway} dev eth0 onlink`,
      ])
        run(from, command)
  })
  after(() => {
    server?.[Symbol.dispose]()
    cluster?.[Symbol.dispose]()
  })

  const run = (from: string, command: string) => {
    const { status, stderr } = cluster.lab.exec(cluster.netnsOf(from), command.split(' '))
    assert.equal(status, 0, stderr)
  }
  const ask = async (from: string) =>
    (await cluster.ask(from, [{ protocol: 'tcp', address: '127.0.0.1', port: 8080 }]))[0]!
      .answers[0]!

  test('is reached by the node alone', async () => {
    const proxy = await cluster.startProxy({ mode: 'iptables' })
    try {
      assert.equal(readSysctl('net.ipv4.conf.all.route_localnet', cluster.node), '1')
      assert.equal(await ask(NODE), 'node 127.0.0.1')
      assert.equal(await ask(OUTSIDE), 'timeout')
      assert.equal(await ask(B), 'timeout')
      // Without the rule both reach it: it is the rule that keeps them away.
      run(NODE, 'iptables -F KUBE-FIREWALL')
      assert.equal(await ask(OUTSIDE), `node ${OUTSIDE}`)
      assert.equal(await ask(B), `node ${B}`)
    } finally {
      await proxy.stop()
    }
  })
})
