import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ip } from '#ip/ip.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createSockets } from '../relay/sockets.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C } from '../testing/packet-flows.ts'

const FRONTEND = { ip: ip('10.96.1.3'), port: 53 }
const SERVED = ['8053/udp']

// As a cluster's DNS while it is rolled, on a busy machine: a lost datagram is a name that takes five seconds (resolv.conf(5), timeout).
suite('datagrams by the userspace mode', () => {
  let cluster: NodeLab
  let proxy: RunningProxy
  const asked: string[] = []
  const stack = new AsyncDisposableStack()
  before(async () => {
    cluster = stack.use(await createNodeLab())
    for (const [name, address] of [
      ['a', A],
      ['b', B],
      ['c', C],
    ] as const)
      await answerLate(name, address)
    await cluster.put(
      serviceOf('dns', { clusterIP: FRONTEND.ip, ports: portOf(53, { protocol: 'UDP' }) }),
      sliceOf('dns', [A], SERVED),
    )
    proxy = await cluster.startProxy({ mode: 'userspace' })
    stack.defer(() => proxy.stop())
  })
  after(() => stack.disposeAsync())

  /** Answers `3 250` after 250 ms: `3 a`. */
  async function answerLate(name: string, address: string) {
    const socket = createSocket('udp4')
    socket.on('message', (message, { address: from, port }) => {
      const [number, delayMs] = String(message).split(' ')
      asked.push(String(message))
      setTimeout(() => socket.send(`${number} ${name}`, port, from), Number(delayMs))
    })
    const fd = openListener({
      netns: cluster.netnsOf(address),
      protocol: 'udp',
      address: ip(address),
      port: 8053,
    })
    const bound = once(socket, 'listening')
    socket.bind({ fd })
    await bound
    stack.defer(() => void socket.close())
  }

  /** Of pod B, with a port of its own. */
  async function connectClient() {
    const ready = Promise.withResolvers<void>()
    const socket: Socket = createSockets(cluster.netnsOf(B)).associate(FRONTEND, ready.resolve)
    const heard: string[] = []
    const refused: string[] = []
    socket.on('message', (message) => heard.push(String(message)))
    socket.on('error', (error) => refused.push(String(error)))
    stack.defer(() => void socket.close())
    await ready.promise
    return { heard, refused, ask: (number: number, ms: number) => socket.send(`${number} ${ms}`) }
  }

  const serveBy = async (...addresses: readonly string[]) => {
    await cluster.put(sliceOf('dns', addresses, SERVED))
    await proxy.programmed(
      (model) => model.get('default/dns')?.ports[0]?.endpoints.cluster.length === addresses.length,
    )
  }

  test('an answer comes through though the Service changed meanwhile', async () => {
    const { heard, ask } = await connectClient()
    ask(1, 200)
    await waitFor(() => asked.includes('1 200'), { what: 'the question' })
    await serveBy(A, B)
    await waitFor(() => heard.length > 0, { what: 'the answer', timeoutMs: 5000 })
    assert.deepEqual(heard, ['1 a'])
  })

  test('none is lost while endpoints come and go, however late the answer, on a busy machine', async () => {
    const clients = await Promise.all(Array.from({ length: 30 }, connectClient))
    const rounds = 20
    const roll = [[A], [A, B], [B], [B, C], [C], [A, B, C]] as const
    for (let round = 0; round < rounds; round++) {
      // From one port two at once, as resolvers do; the proxy is in this process, and stands still as often as not.
      for (const [i, { ask }] of clients.entries()) {
        ask(2 * round, (i * 13) % 400)
        ask(2 * round + 1, (i * 7) % 400)
      }
      if (round % 3 === 0) await serveBy(...roll[(round / 3) % roll.length]!)
      await pause((round * 17) % 120)
      const until = performance.now() + (round % 4 === 3 ? 100 : 0)
      while (performance.now() < until);
    }
    const lost = () =>
      clients.flatMap(({ heard }, i) => {
        const numbers = new Set(heard.map((answer) => Number(answer.split(' ')[0])))
        return Array.from({ length: 2 * rounds }, (_, number) => number)
          .filter((number) => !numbers.has(number))
          .map((number) => `client ${i}: ${number}`)
      })
    await waitFor(() => lost().length === 0, { what: 'all answers', timeoutMs: 10_000 }).catch(
      () => {},
    )
    assert.deepEqual(lost(), [])
    assert.deepEqual(
      clients.flatMap(({ refused }) => refused),
      [],
    )
  })
})
