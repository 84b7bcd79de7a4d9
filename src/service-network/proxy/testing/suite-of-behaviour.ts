import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { timeFactor, waitFor } from '#testing/wait-for.ts'
import type { ServiceModel } from '../../model.ts'
import type { ProxyMode } from '../mode.ts'
import type { Question } from './ask.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from './node-lab.ts'
import { portOf, serviceOf, sliceOf } from './objects.ts'
import { A, B, C, NODE } from './packet-flows.ts'

const NAMES: Readonly<Record<string, string>> = { [A]: 'a', [B]: 'b', [C]: 'c' }

/**
 * What a client may rely on while Services change and the proxy comes and goes, whatever the mode.
 * @param options `connectionsOutlive` not in userspace: connections pass through the process, which also holds the affinities. How many
 *   `connections` are spread: fewer where each takes its time.
 */
export function suiteOfBehaviour(
  mode: ProxyMode,
  { connectionsOutlive = true, connections = 600 } = {},
): void {
  suite(`runProxy() by ${mode}`, () => {
    let cluster: NodeLab
    let proxy: RunningProxy | undefined
    before(async () => {
      cluster = await createNodeLab()
    })
    beforeEach(async () => {
      await cluster.put(spread, sliceOf('spread', [A, B, C], ['http=8080', 'dns=8082/udp']))
      proxy = await cluster.startProxy({ mode })
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
    const one = async (from: string, question: Question) =>
      (await cluster.ask(from, [question]))[0]!.answers
    const put: NodeLab['put'] = (...objects) => cluster.put(...objects)

    test('spreads evenly over three endpoints', async () => {
      const answers = (await one(NODE, tcp('10.96.1.1', 80, connections))).map(nameOf)
      const counts = ['a', 'b', 'c'].map((name) => answers.filter((each) => each === name).length)
      const even = connections / 3
      const chiSquare = counts.reduce((sum, count) => sum + (count - even) ** 2 / even, 0)
      // 2 degrees of freedom, p = 0.0001: 18.42 (any table of the distribution).
      assert.ok(chiSquare < 18.42, `${counts}: ${chiSquare}`)
    })

    test('an endpoint that is gone gets nothing new, at once', async () => {
      await put(sliceOf('spread', [A, C], ['http=8080', 'dns=8082/udp']))
      await proxy!.programmed((model) => endpointsOf(model, 'spread') === `${A} ${C}`)
      const answers = new Set((await one(NODE, tcp('10.96.1.1', 80, connections / 10))).map(nameOf))
      assert.deepEqual([...answers].sort(), ['a', 'c'])
    })

    test('the last endpoint leaves, and clients are refused at once', async () => {
      await put(sliceOf('spread', [], []))
      await proxy!.programmed((model) => endpointsOf(model, 'spread') === '')
      const [reply] = await cluster.ask(B, [tcp('10.96.1.1', 80)])
      assert.deepEqual(reply!.answers, ['ECONNREFUSED'])
      assert.ok(reply!.longestMs < 400 * timeFactor)
    })

    if (connectionsOutlive) {
      test('a connection outlives the proxy and its successor', async () => {
        const held = cluster.lab.spawn(cluster.netnsOf(B), [
          'bash',
          '-c',
          'exec 3<>/dev/tcp/10.96.1.1/80; read -u 3 first; echo "$first"; read; echo again >&3; read -u 3 second; echo "$second"; read',
        ])
        await held.outputs('\n')
        await proxy!.stop()
        assert.match(
          (await one(B, tcp('10.96.1.1', 80)))[0]!,
          /^[abc] /,
          'rules stay without a proxy',
        )
        proxy = await cluster.startProxy({ mode })
        held.child.stdin?.write('\n')
        await held.outputs('again')
        held[Symbol.dispose]()
      })
    }

    test('a UDP client that keeps its port moves on when its endpoint is gone', async () => {
      const client = cluster.lab.spawn(cluster.netnsOf(B), [
        'bash',
        '-c',
        'exec 3<>/dev/udp/10.96.1.1/53; while read; do echo -n "?" >&3; read -t 1 -N 1 -u 3 answer && echo "$answer"; done',
      ])
      client.child.stdin?.write('\n')
      await client.outputs('\n')
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
      const some = connections / 15
      beforeEach(async () => {
        await put(sticky, sliceOf('sticky', [A, B, C]))
        await proxy!.programmed((model) => endpointsOf(model, 'sticky') === `${A} ${B} ${C}`)
      })
      const ask = async (from: string, count = 1) => [
        ...new Set((await one(from, tcp('10.96.1.2', 80, count))).map(nameOf)),
      ]

      test('a client comes back to its endpoint', async () => {
        for (const from of [A, B, NODE]) assert.equal((await ask(from, some)).length, 1)
      })

      if (connectionsOutlive) {
        test('also over a restart of the proxy', async () => {
          const [first] = await ask(B)
          await proxy!.stop()
          proxy = await cluster.startProxy({ mode })
          assert.deepEqual(await ask(B, some), [first])
        })
      }

      test('never to one that is gone; others keep theirs', async () => {
        const [first] = await ask(B)
        const [nodes] = await ask(NODE)
        const gone = [A, B, C].find((address) => NAMES[address] === first)!
        await put(
          sliceOf(
            'sticky',
            [A, B, C].filter((address) => address !== gone),
          ),
        )
        await proxy!.programmed((model) => endpointsOf(model, 'sticky').split(' ').length === 2)
        const again = await ask(B, some)
        assert.equal(again.length, 1)
        assert.notEqual(again[0], first)
        if (nodes !== first) assert.deepEqual(await ask(NODE, some), [nodes])
      })
    })
  })
}

const spread = serviceOf('spread', {
  clusterIP: '10.96.1.1',
  ports: [...portOf(80, { name: 'http' }), ...portOf(53, { name: 'dns', protocol: 'UDP' })],
})
const sticky = serviceOf('sticky', {
  clusterIP: '10.96.1.2',
  ports: portOf(80),
  sessionAffinity: 'ClientIP',
})

/** The addresses that a Service's first port is sent to. */
function endpointsOf(model: ServiceModel, name: string): string {
  const [port] = model.get(`default/${name}`)?.ports ?? []
  return (port?.endpoints.cluster ?? []).map(({ ip }) => ip).join(' ')
}
