import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { Question } from './testing/ask.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from './testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from './testing/objects.ts'
import { A, B, C, FLOWS, NODE, type PacketFlow, SERVICES, SLICES } from './testing/packet-flows.ts'

const NAMES: Readonly<Record<string, string>> = { [A]: 'a', [B]: 'b', [C]: 'c' }

/** What the plan says of a packet, as the client sees it. */
function seen({ from, want }: PacketFlow): string {
  const [, masquerade, address = ''] = /^(masquerade, )?dnat ([\d.]+)/.exec(want) ?? []
  if (address) return `${NAMES[address]} ${masquerade ? 'masqueraded' : from}`
  return want
}

function describeAnswer(answer: string, { from, to }: PacketFlow): string {
  if (answer === 'ECONNREFUSED') return 'reject'
  if (answer === 'timeout') return 'drop'
  const [name, source] = answer.split(' ')
  // To its own address nothing needs translating: `other traffic` of the table.
  if (to.startsWith(C)) return source === from ? 'accept' : answer
  // On the underlay the node's own address is also what masquerading takes.
  return `${name} ${source === from && from !== NODE ? from : 'masqueraded'}`
}

suite('packets in the kernel', () => {
  let cluster: NodeLab
  let proxy: RunningProxy
  const answers = new Map<PacketFlow, { answer: string; ms: number }>()
  const flows = FLOWS.filter(({ to }) => to.includes('/') && !to.includes(':10250'))

  before(async () => {
    cluster = await createNodeLab()
    await cluster.put(...SERVICES, ...SLICES)
    proxy = await cluster.startProxy()
    for (const [from, some] of Map.groupBy(flows, (flow) => flow.from)) {
      const replies = cluster.ask(from, some.map(toQuestion))
      some.forEach((flow, i) => {
        answers.set(flow, { answer: replies[i]!.answers[0]!, ms: replies[i]!.longestMs })
      })
    }
  })
  after(async () => {
    await proxy?.stop()
    cluster?.[Symbol.dispose]()
  })

  for (const flow of flows) {
    test(flow.name, () => {
      const { answer, ms } = answers.get(flow)!
      assert.equal(describeAnswer(answer, flow), seen(flow), answer)
      if (flow.want === 'reject') assert.ok(ms < 400, `refused at once, not after ${ms} ms`)
    })
  }

  for (const { name, from, to, want } of FLOWS.filter(({ to }) => !to.includes('/'))) {
    test(name, () => {
      const netns = cluster.netnsOf(from)
      const { stdout, status } = cluster.lab.exec(netns, ['ping', '-n', '-c', '1', '-W', '2', to])
      if (want === 'reject') assert.match(stdout, /Destination Port Unreachable/)
      else assert.equal(status, 0, stdout)
    })
  }
})

suite('runProxy()', () => {
  let cluster: NodeLab
  let proxy: RunningProxy | undefined
  before(async () => {
    cluster = await createNodeLab()
  })
  beforeEach(async () => {
    await cluster.put(spread, sliceOf('spread', [A, B, C], ['http=8080', 'dns=8082/udp']))
    proxy = await cluster.startProxy({ checkIntervalMs: 50 })
  })
  afterEach(async () => {
    await proxy?.stop()
    await cluster.remove(resources.services, 'spread', 'sticky')
    await cluster.remove(resources.endpointSlices, 'spread-x', 'sticky-x')
  })
  after(() => cluster?.[Symbol.dispose]())

  const nameOf = (answer: string) => answer.split(' ')[0]!
  const tcp = (address: string, port: number, count = 1): Question => ({
    protocol: 'tcp',
    address,
    port,
    count,
  })
  const one = (from: string, question: Question) => cluster.ask(from, [question])[0]!.answers
  const put: NodeLab['put'] = (...objects) => cluster.put(...objects)

  test('spreads evenly over three endpoints', () => {
    const answers = one(NODE, tcp('10.96.1.1', 80, 600)).map(nameOf)
    const counts = ['a', 'b', 'c'].map((name) => answers.filter((each) => each === name).length)
    const chiSquare = counts.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0)
    // 2 degrees of freedom, p = 0.0001: 18.42 (any table of the distribution).
    assert.ok(chiSquare < 18.42, `${counts}: ${chiSquare}`)
  })

  test('an endpoint that is gone gets nothing new, at once', async () => {
    await put(sliceOf('spread', [A, C], ['http=8080', 'dns=8082/udp']))
    await waitFor(() => !cluster.nft(MAP).includes(B), { what: 'b to leave the map' })
    const answers = new Set(one(NODE, tcp('10.96.1.1', 80, 60)).map(nameOf))
    assert.deepEqual([...answers].sort(), ['a', 'c'])
  })

  test('the last endpoint leaves, and clients are refused at once', async () => {
    await put(sliceOf('spread', [], []))
    await waitFor(() => !cluster.nft(MAP).includes(A), { what: 'the map to be empty' })
    const [reply] = cluster.ask(B, [tcp('10.96.1.1', 80)])
    assert.deepEqual(reply!.answers, ['ECONNREFUSED'])
    assert.ok(reply!.longestMs < 400)
  })

  const flushes = [
    ['flush ruleset', 'the whole ruleset'],
    ['delete table ip fairlead-proxy', 'our table'],
    ['flush table ip fairlead-proxy', 'our rules'],
  ] as const
  for (const [command, what] of flushes) {
    test(`heals when somebody removes ${what}`, async () => {
      cluster.lab.exec(cluster.node, ['nft', command])
      await waitFor(() => cluster.nft(CHAIN).includes('vmap @services'), { what: 'the rules' })
      assert.match(one(B, tcp('10.96.1.1', 80))[0]!, /^[abc] /)
    })
  }

  test('a connection outlives the proxy and its successor', async () => {
    const held = cluster.lab.spawn(cluster.netnsOf(B), [
      'bash',
      '-c',
      'exec 3<>/dev/tcp/10.96.1.1/80; read -u 3 first; echo "$first"; read; echo again >&3; read -u 3 second; echo "$second"; read',
    ])
    await held.outputs('\n')
    await proxy!.stop()
    assert.match(one(B, tcp('10.96.1.1', 80))[0]!, /^[abc] /, 'rules stay without a proxy')
    proxy = await cluster.startProxy()
    held.child.stdin?.write('\n')
    await held.outputs('again')
    held[Symbol.dispose]()
  })

  test('a UDP client that keeps its port moves on when its endpoint is gone', async () => {
    const client = cluster.lab.spawn(cluster.netnsOf(B), [
      'bash',
      '-c',
      'exec 3<>/dev/udp/10.96.1.1/53; while read; do echo -n "?" >&3; read -t 1 -N 12 -u 3 answer && echo "$answer"; done',
    ])
    client.child.stdin?.write('\n')
    await client.outputs(' 10.244.1.')
    const first = client.output()[0]!
    const others = [A, B, C].filter((address) => NAMES[address] !== first)
    await put(sliceOf('spread', others, ['http=8080', 'dns=8082/udp']))
    await waitFor(
      async () => {
        client.child.stdin?.write('\n')
        return client
          .output()
          .split('\n')
          .some((line) => line !== '' && line[0] !== first)
      },
      { what: 'an answer from another endpoint' },
    )
    client[Symbol.dispose]()
  })

  suite('with ClientIP affinity', () => {
    beforeEach(async () => {
      await put(sticky, sliceOf('sticky', [A, B, C]))
      await waitFor(() => cluster.nft(MAP).includes('10.96.1.2'), { what: 'the Service' })
    })
    const ask = (from: string, count = 1) => [
      ...new Set(one(from, tcp('10.96.1.2', 80, count)).map(nameOf)),
    ]

    test('a client comes back to its endpoint', () => {
      for (const from of [A, B, NODE]) assert.equal(ask(from, 40).length, 1)
    })

    test('also over a restart of the proxy', async () => {
      const [first] = ask(B, 10)
      await proxy!.stop()
      proxy = await cluster.startProxy()
      assert.deepEqual(ask(B, 30), [first])
    })

    test('never to one that is gone; others keep theirs', async () => {
      const [first] = ask(B, 10)
      const [nodes] = ask(NODE, 10)
      const gone = [A, B, C].find((address) => NAMES[address] === first)!
      await put(
        sliceOf(
          'sticky',
          [A, B, C].filter((address) => address !== gone),
        ),
      )
      await waitFor(() => !cluster.nft(AFFINITY).includes(`: ${gone} `), {
        what: 'the client to be forgotten',
      })
      const again = ask(B, 20)
      assert.equal(again.length, 1)
      assert.notEqual(again[0], first)
      if (nodes !== first) assert.deepEqual(ask(NODE, 10), [nodes])
    })
  })
})

const MAP = 'list map ip fairlead-proxy endpoints-tcp'
const AFFINITY = 'list map ip fairlead-proxy affinity'
const CHAIN = 'list chain ip fairlead-proxy nat-prerouting'

const spread = serviceOf('spread', {
  clusterIP: '10.96.1.1',
  ports: [...portOf(80, { name: 'http' }), ...portOf(53, { name: 'dns', protocol: 'UDP' })],
})
const sticky = serviceOf('sticky', {
  clusterIP: '10.96.1.2',
  ports: portOf(80),
  sessionAffinity: 'ClientIP',
})

function toQuestion({ to }: PacketFlow): Question {
  const [, address = '', port, protocol] = /^(.*):(\d+)\/(\w+)$/.exec(to) ?? []
  return { address, port: Number(port), protocol: protocol as 'tcp' }
}
