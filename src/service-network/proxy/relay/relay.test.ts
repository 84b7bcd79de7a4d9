import assert from 'node:assert/strict'
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { type Balancer, createBalancer, type Target } from './balancer.ts'
import { createRelayLimit } from './relay-limit.ts'
import { createSockets } from './sockets.ts'
import { createTCPRelay, type RelayLimit } from './tcp-relay.ts'
import { createUDPRelay } from './udp-relay.ts'

const HERE = ip('127.0.0.1')
const sockets = createSockets()

/** A server on loopback that does `serve` with each connection. */
async function startServer(serve: (socket: Socket) => void) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, HERE)
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address)
  return { target: { ip: HERE, port: address.port }, close: () => server.close() }
}

/** A port where nobody listens. */
async function deadTarget(): Promise<Target> {
  const { target, close } = await startServer(() => {})
  close()
  return target
}

function balancerOf(...targets: readonly Target[]): Balancer {
  const balancer = createBalancer(undefined, (values) => values)
  balancer.update(targets)
  return balancer
}

async function startRelay(balancer: Balancer, most = 10) {
  const limit = createRelayLimit(most)
  const deps = { balancer, sockets, limit, log: silentLog }
  const relay = await createTCPRelay(sockets.listen('tcp', HERE, 0), deps)
  return {
    limit,
    relay,
    connect: () => connect({ host: HERE, port: relay.port, allowHalfOpen: true }),
    [Symbol.dispose]() {
      relay.close()
      limit.endAll()
    },
  }
}

suite('createTCPRelay()', () => {
  test('a client that has ended its side still hears the answer', async () => {
    const server = await startServer((socket) => {
      let heard = ''
      socket.on('data', (chunk) => {
        heard += chunk
      })
      socket.on('end', () => socket.end(`heard ${heard}`))
    })
    using relay = await startRelay(balancerOf(server.target))
    const client = relay.connect()
    client.end('all of it')
    assert.equal(await text(client), 'heard all of it')
    await relay.limit.drained()
    server.close()
  })

  test('an endpoint that refuses is passed over, and the next one serves', async () => {
    const server = await startServer((socket) => socket.end('served'))
    using relay = await startRelay(balancerOf(await deadTarget(), server.target))
    assert.equal(await text(relay.connect()), 'served')
    server.close()
  })

  test('a client is reset where no endpoint answers, or there is none', async () => {
    for (const targets of [[], [await deadTarget()]]) {
      using relay = await startRelay(balancerOf(...targets))
      await assert.rejects(text(relay.connect()), { code: 'ECONNRESET' })
      await relay.limit.drained()
    }
  })

  test('who breaks off is passed on as that', async () => {
    const server = await startServer((socket) => {
      socket.write('x', () => socket.resetAndDestroy())
    })
    using relay = await startRelay(balancerOf(server.target))
    await assert.rejects(text(relay.connect()), { code: 'ECONNRESET' })
    await relay.limit.drained()
    server.close()
  })

  test('an endpoint that talks faster than the client listens is held back', async () => {
    const total = 64 << 20
    let sent = 0
    const server = await startServer((socket) => {
      const block = Buffer.alloc(1 << 16)
      const write = () => {
        while (sent < total) {
          sent += block.length
          if (!socket.write(block)) break
        }
        if (sent >= total) socket.end()
      }
      socket.on('drain', write)
      write()
    })
    using relay = await startRelay(balancerOf(server.target))
    const client = relay.connect()
    await once(client, 'connect')
    client.pause()
    let last = -1
    await waitFor(
      () => {
        const isStill = sent === last
        last = sent
        return isStill && sent > 0
      },
      { what: 'the endpoint to be held back' },
    )
    // What two sockets' buffers hold, far from all.
    assert.ok(sent < total / 2, `${sent} bytes were taken`)
    let received = 0
    for await (const chunk of client) received += chunk.length
    assert.equal(received, total)
    server.close()
  })

  test('takes no more connections than there is room for, and room comes back', async () => {
    const server = await startServer((socket) => void socket.write('hello'))
    using relay = await startRelay(balancerOf(server.target), 2)
    const held = [relay.connect(), relay.connect()]
    await Promise.all(held.map((socket) => once(socket, 'data')))
    await assert.rejects(text(relay.connect()), { code: 'ECONNRESET' })
    held[0]!.resetAndDestroy()
    await waitFor(() => relay.limit.size === 1, { what: 'room' })
    const next = relay.connect()
    await once(next, 'data')
    for (const socket of [...held, next]) socket.destroy()
    server.close()
  })

  test('closing it leaves its connections alone', async () => {
    const server = await startServer((socket) => socket.pipe(socket))
    using relay = await startRelay(balancerOf(server.target))
    const client = relay.connect()
    client.write('one')
    await once(client, 'data')
    relay.relay.close()
    client.write('two')
    assert.equal(String((await once(client, 'data'))[0]), 'two')
    client.end()
    await relay.limit.drained()
    await assert.rejects(once(relay.connect(), 'connect'), { code: 'ECONNREFUSED' })
    server.close()
  })
})

suite('createUDPRelay()', () => {
  /** Says who it is and what it was asked, after `delayMs`. */
  async function startEcho(name: string, delayMs = 0) {
    const socket = createSocket('udp4')
    const seen = new Set<number>()
    const asked: string[] = []
    const timers: NodeJS.Timeout[] = []
    socket.on('message', (message, { port, address }) => {
      seen.add(port)
      asked.push(String(message))
      const answer = () => socket.send(`${name} ${message}`, port, address)
      if (delayMs === 0) answer()
      else timers.push(setTimeout(answer, delayMs))
    })
    socket.bind(0, HERE)
    await once(socket, 'listening')
    const target = { ip: HERE, port: socket.address().port }
    return {
      target,
      seen,
      asked,
      [Symbol.dispose]() {
        for (const timer of timers) clearTimeout(timer)
        socket.close()
      },
    }
  }
  async function startRelay(
    balancer: Balancer,
    { idleMs, limit = createRelayLimit(10) }: { idleMs?: number; limit?: RelayLimit } = {},
  ) {
    const fd = sockets.listen('udp', HERE, 0)
    const relay = await createUDPRelay(fd, 4, { balancer, sockets, limit, log: silentLog }, idleMs)
    const clients: DatagramSocket[] = []
    /** A client that keeps its port. */
    const connectClient = async () => {
      const client = createSocket('udp4')
      clients.push(client)
      client.connect(relay.port, HERE)
      await once(client, 'connect')
      const heard: string[] = []
      client.on('message', (message) => heard.push(String(message)))
      return { heard, send: (question: string) => client.send(question) }
    }
    const client = await connectClient()
    return {
      relay,
      limit,
      connectClient,
      ...client,
      async ask(question: string) {
        const from = client.heard.length
        client.send(question)
        await waitFor(() => client.heard.length > from, { what: `an answer to ${question}` })
        return client.heard[from]
      },
      [Symbol.dispose]() {
        for (const each of clients) each.close()
        relay.close()
      },
    }
  }

  test('a client stays with its endpoint while it talks, and ends when it is silent', async () => {
    using a = await startEcho('a')
    using b = await startEcho('b')
    using relay = await startRelay(balancerOf(a.target, b.target), { idleMs: 100 })
    assert.equal(await relay.ask('1'), 'a 1')
    assert.equal(await relay.ask('2'), 'a 2')
    assert.equal(a.seen.size, 1, 'one socket for the session')
    await waitFor(() => relay.limit.size === 0, { what: 'the session to end' })
    assert.equal(await relay.ask('3'), 'b 3')
  })

  test('an answer that takes longer than a client may be silent still comes', async () => {
    using slow = await startEcho('slow', 200)
    using relay = await startRelay(balancerOf(slow.target), { idleMs: 20 })
    assert.equal(await relay.ask('1'), 'slow 1')
    await waitFor(() => relay.limit.size === 0, { what: 'the session to end' })
  })

  test('who asks again meanwhile is taken to the next endpoint, and hears both', async () => {
    using slow = await startEcho('slow', 300)
    using b = await startEcho('b')
    using relay = await startRelay(balancerOf(slow.target, b.target), { idleMs: 20 })
    relay.send('1')
    await waitFor(() => slow.asked.length === 1, { what: 'the first question' })
    await waitFor(
      () => {
        relay.send('2')
        return b.asked.length > 0
      },
      { what: 'the next session' },
    )
    await waitFor(() => relay.heard.includes('slow 1') && relay.heard.includes('b 2'), {
      what: 'both answers',
    })
  })

  test('a process that was held up reads what came meanwhile before it calls a client silent', async () => {
    using a = await startEcho('a')
    using b = await startEcho('b')
    using relay = await startRelay(balancerOf(a.target, b.target), { idleMs: 100 })
    assert.equal(await relay.ask('1'), 'a 1')
    relay.send('2')
    // Until the client's datagram is in the relay's socket, and long after: no turn of the event loop.
    const until = performance.now() + 300
    while (performance.now() < until);
    await waitFor(() => relay.heard.length === 2, { what: 'the answer' })
    assert.equal(relay.heard[1], 'a 2')
  })

  test('under load, each of many questions at once is answered', async () => {
    using a = await startEcho('a', 3)
    using b = await startEcho('b', 40)
    using c = await startEcho('c', 90)
    const limit = createRelayLimit(1000)
    const targets = balancerOf(a.target, b.target, c.target)
    using relay = await startRelay(targets, { idleMs: 25, limit })
    const clients = await Promise.all(Array.from({ length: 20 }, relay.connectClient))
    for (let round = 0; round < 20; round++) {
      // Two from one port, as a resolver asks for A and AAAA, and now and then a pause in which the whole process stands still.
      for (const { send } of clients) for (const type of ['A', 'AAAA']) send(`${round} ${type}`)
      await new Promise((resolve) => setTimeout(resolve, round * 2))
      const until = performance.now() + (round % 5 === 4 ? 40 : 0)
      while (performance.now() < until);
    }
    const missing = () => clients.map(({ heard }) => 40 - new Set(heard.map(questionOf)).size)
    await waitFor(() => missing().every((count) => count === 0), {
      what: 'all answers',
    })
    await waitFor(() => limit.size === 0, { what: 'all sessions to end' })
  })
  const questionOf = (answer: string) => answer.slice(2)

  test('moves on at once when its endpoint is gone', async () => {
    using a = await startEcho('a')
    using b = await startEcho('b')
    const balancer = balancerOf(a.target, b.target)
    using relay = await startRelay(balancer, { idleMs: 60_000 })
    assert.equal(await relay.ask('1'), 'a 1')
    balancer.update([b.target])
    relay.relay.targetsChanged()
    assert.equal(await relay.ask('2'), 'b 2')
  })

  test('what an endpoint was asked before it was none any more, it may answer', async () => {
    using slow = await startEcho('slow', 100)
    using b = await startEcho('b')
    const balancer = balancerOf(slow.target, b.target)
    using relay = await startRelay(balancer, { idleMs: 60_000 })
    relay.send('1')
    await waitFor(() => slow.asked.length === 1, { what: 'the question' })
    balancer.update([b.target])
    relay.relay.targetsChanged()
    assert.equal(await relay.ask('2'), 'b 2')
    await waitFor(() => relay.heard.includes('slow 1'), { what: 'the answer' })
  })

  test('what an endpoint refuses goes to the next one', async () => {
    using b = await startEcho('b')
    using relay = await startRelay(balancerOf(await deadTarget(), b.target), { idleMs: 60_000 })
    relay.send('1')
    relay.send('2')
    await waitFor(() => relay.heard.length === 2, { what: 'both answers' })
    assert.deepEqual(relay.heard.toSorted(), ['b 1', 'b 2'])
  })

  test('where all refuse, it is dropped', async () => {
    const dead = balancerOf(await deadTarget(), await deadTarget())
    let tries = 0
    const counting: Balancer = {
      ...dead,
      next(...args) {
        tries++
        return dead.next(...args)
      },
    }
    using relay = await startRelay(counting, { idleMs: 60_000 })
    relay.send('1')
    await waitFor(() => tries > 0 && relay.limit.size === 0, { what: 'its end' })
    // k/k pkg/proxy/userspace/proxysocket.go, endpointDialTimeout: four tries.
    assert.equal(tries, 4)
    assert.deepEqual(relay.heard, [])
  })

  test('a stream is not sent twice, also where its endpoint refuses at last', async () => {
    const a = await startEcho('a', 60_000)
    using b = await startEcho('b')
    using relay = await startRelay(balancerOf(a.target, b.target), { idleMs: 60_000 })
    for (let i = 0; i < 20; i++) {
      relay.send(`line ${i}`)
      await waitFor(() => a.asked.length === i + 1, { what: `line ${i}` })
    }
    a[Symbol.dispose]()
    await waitFor(
      () => {
        relay.send('more')
        return b.asked.length > 0
      },
      { what: 'the next endpoint' },
    )
    assert.deepEqual(new Set(b.asked), new Set(['more']))
  })

  test('who only waits for an answer makes room for others', async () => {
    using silent = await startEcho('silent', 60_000)
    using b = await startEcho('b')
    const balancer = balancerOf(silent.target, b.target)
    const limit = createRelayLimit(1)
    using relay = await startRelay(balancer, { idleMs: 20, limit })
    relay.send('1')
    await waitFor(() => silent.asked.length === 1, { what: 'the question' })
    const other = await relay.connectClient()
    await waitFor(
      () => {
        other.send('2')
        return other.heard.length > 0
      },
      { what: 'room for another' },
    )
    assert.equal(other.heard[0], 'b 2')
  })

  test('drops what it has no endpoint for', async () => {
    const balancer = balancerOf()
    using relay = await startRelay(balancer)
    using a = await startEcho('a')
    relay.send('lost')
    await waitFor(
      async () => {
        balancer.update([a.target])
        relay.send('x')
        return relay.heard.includes('a x')
      },
      { what: 'an endpoint' },
    )
    assert.equal(relay.limit.size, 1)
  })
})

test('createRelayLimit() ends who was spared longest where there is no room, or too many are', () => {
  const limit = createRelayLimit(3, 2)
  const ended: string[] = []
  const enter = (name: string) => {
    const connection = {
      [Symbol.dispose]() {
        ended.push(name)
        limit.leave(connection)
      },
    }
    return { connection, isIn: limit.enter(connection) }
  }
  const [a, b, c] = ['a', 'b', 'c'].map(enter)
  assert.equal(enter('d').isIn, false)
  limit.spare(b!.connection)
  limit.spare(a!.connection)
  assert.equal(enter('e').isIn, true)
  assert.deepEqual(ended, ['b'])
  limit.spare(c!.connection)
  assert.deepEqual(ended, ['b'])
  const { connection: f } = enter('f')
  assert.deepEqual(ended, ['b', 'a'])
  limit.spare(f)
  assert.deepEqual(ended, ['b', 'a'])
  assert.equal(limit.size, 3)
})
