import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C, NODE, OUTSIDE } from '../testing/packet-flows.ts'
import { suiteOfBehaviour } from '../testing/suite-of-behaviour.ts'

suiteOfBehaviour('userspace', { connectionsOutlive: false })

suite('the userspace mode', () => {
  let cluster: NodeLab
  let proxy: RunningProxy | undefined
  before(async () => {
    cluster = await createNodeLab()
  })
  beforeEach(async () => {
    await cluster.put(
      serviceOf('web', {
        type: 'NodePort',
        clusterIP: '10.96.1.1',
        ports: portOf(80, { nodePort: 30080 }),
      }),
      sliceOf('web', [A, B, C]),
    )
    proxy = await cluster.startProxy({ mode: 'userspace', checkIntervalMs: 50 })
  })
  afterEach(() => proxy?.stop())
  after(() => cluster?.[Symbol.dispose]())

  const ask = async (from: string, address: string, port = 80, count = 1) =>
    (await cluster.ask(from, [{ protocol: 'tcp', address, port, count }]))[0]!
  const rules = (...args: readonly string[]) =>
    cluster.lab.exec(cluster.node, ['iptables', ...args]).stdout

  test('goes on to the next endpoint when one refuses', async () => {
    // .1 is the node itself, where nobody listens on 8080.
    await cluster.put(sliceOf('web', ['10.244.1.1', A]))
    await proxy!.programmed(
      (model) => model.get('default/web')?.ports[0]?.endpoints.cluster.length === 2,
    )
    const { answers, longestMs } = await ask(B, '10.96.1.1', 80, 10)
    assert.deepEqual(new Set(answers.map((answer) => answer[0])), new Set(['a']))
    assert.ok(longestMs < 200, `a refusal costs no time: ${longestMs} ms`)
  })

  test('goes on to the next endpoint when one is silent', async () => {
    await cluster.put(sliceOf('web', ['10.244.1.77', A]))
    await proxy!.programmed(
      (model) => model.get('default/web')?.ports[0]?.endpoints.cluster.length === 2,
    )
    const { answers } = await ask(B, '10.96.1.1', 80, 2)
    assert.deepEqual(
      answers.map((answer) => answer[0]),
      ['a', 'a'],
    )
  })

  test('its connections end with its process', async () => {
    const held = cluster.lab.spawn(cluster.netnsOf(B), [
      'bash',
      '-c',
      'exec 3<>/dev/tcp/10.96.1.1/80; read -u 3 first; echo "$first"; read -u 3 more; echo ended',
    ])
    await held.outputs('\n')
    assert.doesNotMatch(held.output(), /ended/)
    await proxy!.stop()
    proxy = undefined
    await held.outputs('ended')
  })

  test('serves nodePorts on localhost, without route_localnet', async () => {
    assert.match((await ask(NODE, '127.0.0.1', 30080)).answers[0]!, /^[abc] /)
    const sysctl = cluster.lab.exec(cluster.node, [
      'sysctl',
      '-n',
      'net.ipv4.conf.all.route_localnet',
    ])
    assert.equal(sysctl.stdout.trim(), '0')
  })

  // Source of the cause: k/k pkg/proxy/userspace/proxier.go (1.25), iptablesContainerPortalArgs, on NAT of UDP's answers.
  test('answers datagrams from the address that was asked, also where the way back has another one', async () => {
    const dns = serviceOf('dns', {
      type: 'NodePort',
      clusterIP: '10.96.1.3',
      ports: portOf(53, { protocol: 'UDP', nodePort: 30053 }),
    })
    await cluster.put(dns, sliceOf('dns', [A], ['8082/udp']))
    await proxy!.programmed((model) => model.has('default/dns'))
    // As a pod of another node, whose answers leave by the tunnel's link.
    const back = [`${OUTSIDE}/32`, 'dev', 'eth0', 'src', '10.244.1.1']
    cluster.lab.exec(cluster.node, ['ip', 'route', 'replace', ...back])
    const wanted = [
      [OUTSIDE, NODE, 30053],
      [NODE, NODE, 30053],
      [NODE, '127.0.0.1', 30053],
      [B, '10.96.1.3', 53],
      [NODE, '10.96.1.3', 53],
    ] as const
    for (const [from, address, port] of wanted) {
      const [reply] = await cluster.ask(from, [{ protocol: 'udp', address, port }])
      assert.match(reply!.answers[0]!, /^a /, `${from} to ${address}`)
    }
    cluster.lab.exec(cluster.node, ['ip', 'route', 'del', ...back])
  })

  test("keeps everybody away from the relays' own ports", async () => {
    const [, port] =
      / --to-ports (\d+)/.exec(rules('-t', 'nat', '-S', 'KUBE-PORTALS-CONTAINER')) ?? []
    for (const from of [OUTSIDE, B, NODE]) {
      assert.deepEqual((await ask(from, NODE, Number(port))).answers, ['timeout'])
    }
    assert.match((await ask(OUTSIDE, NODE, 30080)).answers[0]!, /^[abc] /)
  })

  const damages = [
    ['the portals', ['-t', 'nat', '-F', 'KUBE-PORTALS-CONTAINER']],
    ['the jump to them', ['-t', 'nat', '-F', 'PREROUTING']],
  ] as const
  for (const [what, command] of damages) {
    test(`heals when somebody removes ${what}`, async () => {
      rules(...command)
      await waitFor(
        () =>
          rules('-t', 'nat', '-S', 'PREROUTING').includes('KUBE-PORTALS-CONTAINER') &&
          rules('-t', 'nat', '-S', 'KUBE-PORTALS-CONTAINER').includes('REDIRECT'),
        { what: 'the rules' },
      )
      assert.match((await ask(B, '10.96.1.1')).answers[0]!, /^[abc] /)
    })
  }
})
