import assert from 'node:assert/strict'
import { request as askHTTPS } from 'node:https'
import type { Duplex } from 'node:stream'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer, type WatchLine } from '../../testing/test-server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const PATH = '/api/v1/namespaces/default/configmaps'
/** RFC 6455, section 1.3: the key of its example, and what a server makes of it. */
const [KEY, ACCEPTED] = ['dGhlIHNhbXBsZSBub25jZQ==', 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=']

interface Opened {
  readonly socket: Duplex
  readonly headers: Readonly<Record<string, unknown>>
}

function open(path: string, protocol?: string): Promise<Opened | number> {
  const { promise, resolve, reject } = Promise.withResolvers<Opened | number>()
  const { admin, authority, url } = server
  const asked = askHTTPS(`${url}${path}`, {
    ...{ key: admin.keyPEM, cert: admin.certPEM, ca: authority.caPEM },
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': KEY,
      ...(protocol ? { 'sec-websocket-protocol': protocol } : {}),
    },
  })
  asked.on('upgrade', ({ headers }, socket, head) => {
    if (head.length > 0) socket.unshift(head)
    resolve({ socket, headers })
  })
  asked.on('response', (response) => resolve(response.resume().statusCode!))
  asked.on('error', reject)
  asked.end()
  return promise
}

/** A server's frames: no mask; 16 bits of length are enough here. RFC 6455, section 5.2. */
async function* framesOf(socket: Duplex): AsyncGenerator<{ opcode: number; data: Buffer }> {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const [size, length] = rest[1] === 126 ? [4, rest.readUInt16BE(2)] : [2, rest[1] ?? 0]
      if (rest.length < Math.max(2, size + length)) break
      yield { opcode: rest[0]! & 0x0f, data: rest.subarray(size, size + length) }
      rest = rest.subarray(size + length)
    }
  }
}

const TEXT = 1
const CLOSE = 8

// apiserver endpoints/handlers/watch.go, HandleWS: each event is a message of its own.
suite('a watch over WebSocket', () => {
  test('tells of each event in a text message, and closes when its time is over', async () => {
    await server.request('POST', PATH, { body: { metadata: { name: 's1' } } })
    await server.request('POST', PATH, { body: { metadata: { name: 's2' } } })
    const opened = await open(`${PATH}?watch=true&timeoutSeconds=1`)
    assert.ok(typeof opened === 'object')
    assert.equal(opened.headers['sec-websocket-accept'], ACCEPTED)
    const frames = await Array.fromAsync(framesOf(opened.socket))
    assert.deepEqual(
      frames.map(({ opcode }) => opcode),
      [TEXT, TEXT, CLOSE],
    )
    const events = frames
      .filter(({ opcode }) => opcode === TEXT)
      .map(({ data }) => JSON.parse(data.toString()) as WatchLine)
    assert.deepEqual(
      events.map(({ type, object }) => `${type} ${object.kind} ${object.metadata.name}`),
      ['ADDED ConfigMap s1', 'ADDED ConfigMap s2'],
    )
    assert.equal(frames.at(-1)!.data.readUInt16BE(0), 1000)
  })

  test('tells of what comes later, and ends when the client leaves', async () => {
    const opened = await open(`${PATH}?watch=true&fieldSelector=metadata.name%3Ds3`)
    assert.ok(typeof opened === 'object')
    await server.request('POST', PATH, { body: { metadata: { name: 's3' } } })
    const frames = framesOf(opened.socket)
    const first = await frames.next()
    assert.equal(JSON.parse(first.value!.data.toString()).object.metadata.name, 's3')
    // A close frame with a mask of zeros: RFC 6455, section 5.5.1.
    opened.socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]))
    const last = await frames.next()
    assert.equal(last.value!.opcode, CLOSE)
    assert.equal((await frames.next()).done, true)
  })

  test('takes the one subprotocol that is not a token', async () => {
    const token = 'base64url.bearer.authorization.k8s.io.eA'
    const opened = await open(`${PATH}?watch=true&timeoutSeconds=1`, `${token}, binary.k8s.io`)
    // A certificate says who asks; the token that is none is not looked at.
    assert.ok(typeof opened === 'object')
    assert.equal(opened.headers['sec-websocket-protocol'], 'binary.k8s.io')
    opened.socket.destroy()
    assert.equal(await open(`${PATH}?watch=true`, 'a, b'), 400)
  })
})
