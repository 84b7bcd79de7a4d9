import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
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
import { createTCPRelay } from './tcp-relay.ts'
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
  async function startEcho(name: string) {
    const socket = createSocket('udp4')
    const seen = new Set<number>()
    socket.on('message', (message, { port, address }) => {
      seen.add(port)
      socket.send(`${name} ${message}`, port, address)
    })
    socket.bind(0, HERE)
    await once(socket, 'listening')
    return { target: { ip: HERE, port: socket.address().port }, seen, close: () => socket.close() }
  }
  async function startRelay(balancer: Balancer, idleMs?: number) {
    const limit = createRelayLimit(10)
    const fd = sockets.listen('udp', HERE, 0)
    const relay = await createUDPRelay(fd, 4, { balancer, sockets, limit, log: silentLog }, idleMs)
    const client = createSocket('udp4')
    client.connect(relay.port, HERE)
    await once(client, 'connect')
    return {
      relay,
      limit,
      async ask(question: string) {
        client.send(question)
        const signal = AbortSignal.timeout(3000)
        return String((await once(client, 'message', { signal }))[0])
      },
      [Symbol.dispose]() {
        client.close()
        relay.close()
      },
    }
  }

  test('a client stays with its endpoint while it talks, and ends when it is silent', async () => {
    const [a, b] = [await startEcho('a'), await startEcho('b')]
    using relay = await startRelay(balancerOf(a.target, b.target), 100)
    assert.equal(await relay.ask('1'), 'a 1')
    assert.equal(await relay.ask('2'), 'a 2')
    assert.equal(a.seen.size, 1, 'one socket for the session')
    await waitFor(() => relay.limit.size === 0, { what: 'the session to end' })
    assert.equal(await relay.ask('3'), 'b 3')
    a.close()
    b.close()
  })

  test('moves on at once when its endpoint is gone', async () => {
    const [a, b] = [await startEcho('a'), await startEcho('b')]
    const balancer = balancerOf(a.target, b.target)
    using relay = await startRelay(balancer, 60_000)
    assert.equal(await relay.ask('1'), 'a 1')
    balancer.update([b.target])
    relay.relay.targetsChanged()
    assert.equal(await relay.ask('2'), 'b 2')
    a.close()
    b.close()
  })

  test('moves on when its endpoint refuses', async () => {
    const b = await startEcho('b')
    using relay = await startRelay(balancerOf(await deadTarget(), b.target), 60_000)
    await waitFor(
      async () =>
        (await Promise.race([relay.ask('x'), new Promise((ok) => setTimeout(ok, 50))])) === 'b x',
      { what: 'an answer from b' },
    )
    b.close()
  })

  test('drops what it has no endpoint for', async () => {
    using relay = await startRelay(balancerOf())
    await assert.rejects(
      Promise.race([
        relay.ask('x'),
        new Promise((_, no) => setTimeout(() => no(new Error('silence')), 100)),
      ]),
      /silence/,
    )
    assert.equal(relay.limit.size, 0)
  })
})
