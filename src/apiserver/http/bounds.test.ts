import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHTTP2 } from 'node:http2'
import { connect as connectTCP } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { connect as connectTLS } from 'node:tls'
import { parseGoDuration } from '#api/go-duration.ts'
import type { Admission } from '../admission/admission.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { createInFlight } from './in-flight.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'

/** Holds writes named `slow-…` until it is told to let them go. */
let release = Promise.withResolvers<void>()
const hold: Admission = {
  async admit({ object }) {
    if (object.metadata.name.startsWith('slow')) await release.promise
    return { object }
  },
}

let server: TestServer
before(async () => {
  server = await startTestServer({
    admission: [hold],
    access: { authorization: 'RBAC' },
    limits: {
      inFlight: { reading: 2, writing: 2 },
      requestTimeoutMs: 10_000,
      handshakeTimeoutMs: 2_000,
      headersTimeoutMs: 300,
      connections: 40,
    },
  })
  const writer = { verbs: ['*'], apiGroups: [''], resources: ['*'] }
  await server.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    body: { metadata: { name: 'writer' }, rules: [writer] },
  })
  await server.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    body: {
      metadata: { name: 'writer' },
      roleRef: { kind: 'ClusterRole', name: 'writer' },
      subjects: [{ kind: 'User', name: 'bob' }],
    },
  })
})
after(() => server[Symbol.asyncDispose]())
const asBob = async () => server.connectAs(await server.authority.sign('bob'))
const slow = (name: string, session: Awaited<ReturnType<typeof asBob>>, query = '') =>
  server.request('POST', `${MAPS}${query}`, { session, body: { metadata: { name } } })

suite('requests in work', () => {
  // apiserver server/filters/maxinflight_test.go
  test('beyond the limit are sent away, save those of administrators; reads count for themselves', async () => {
    const bob = await asBob()
    release = Promise.withResolvers()
    const held = [slow('slow-1', bob), slow('slow-2', bob)]
    const third = await waitForCode(429, () => slow('third', bob))
    assert.equal(third.headers['retry-after'], '1')
    assert.deepEqual(
      [third.body.reason, third.body.message, third.body.details.retryAfterSeconds],
      ['TooManyRequests', 'Too many requests, please try again later.', 1],
    )
    assert.equal((await server.request('GET', MAPS, { session: bob })).code, 200)
    assert.equal(
      (await server.request('POST', MAPS, { body: { metadata: { name: 'admin' } } })).code,
      201,
    )
    release.resolve()
    assert.deepEqual(
      (await Promise.all(held)).map(({ code }) => code),
      [201, 201],
    )
    assert.equal((await slow('after', bob)).code, 201)
  })

  test('give their place back, whatever becomes of them', () => {
    const inFlight = createInFlight({ reading: 1, writing: 1 })
    const get = { verb: 'get', path: '/api' }
    for (let round = 0; round < 1000; round++) inFlight.enter(get, false)[Symbol.dispose]()
    using _one = inFlight.enter(get, false)
    assert.throws(() => inFlight.enter(get, false), /Too many requests/)
    for (const verb of ['watch', 'get'])
      inFlight.enter({ verb, group: '', plural: 'pods', subresource: 'log' }, false)
  })
})

async function waitForCode(code: number, ask: () => ReturnType<typeof slow>) {
  for (;;) {
    const answer = await ask()
    if (answer.code === code) return answer
    await server.request('DELETE', `${MAPS}/third`)
  }
}

suite('a request that takes too long', () => {
  // apiserver server/filters/timeout.go, endpoints/filters/request_deadline.go
  test('is ended after the time that it names', async () => {
    const bob = await asBob()
    release = Promise.withResolvers()
    const { code, body } = await slow('slow-timeout', bob, '?timeout=50ms')
    release.resolve()
    assert.deepEqual(
      [code, body.reason, body.message],
      [504, 'Timeout', 'Timeout: request did not complete within the allotted timeout'],
    )
  })
  test('names a time that is one', async () => {
    const { code, body } = await server.request('GET', `${MAPS}?timeout=soon`)
    assert.deepEqual(
      [code, body.message],
      [400, 'invalid timeout specified in the request URL - time: invalid duration "soon"'],
    )
  })
  test('is ended while its body trickles in', async () => {
    const stream = server.connectAs(server.admin).request({
      ':method': 'POST',
      ':path': `${MAPS}?timeout=100ms`,
      'content-type': 'application/json',
    })
    stream.write('{')
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 504)
    stream.destroy()
  })
})

suite('a connection', () => {
  const port = () => Number(new URL(server.url).port)
  const open = () =>
    connectTLS({
      port: port(),
      host: '127.0.0.1',
      ca: server.authority.caPEM,
      ALPNProtocols: ['http/1.1'],
    })

  test('that does not come to TLS is ended', async () => {
    const socket = connectTCP({ port: port(), host: '127.0.0.1' })
    socket.on('error', () => {})
    await once(socket, 'connect')
    const began = performance.now()
    socket.write(Buffer.from([22, 3, 1])) // the beginning of a handshake record, RFC 8446 section 5.1
    await once(socket, 'close')
    const lasted = performance.now() - began
    assert.ok(lasted > 1_000 && lasted < 9_000, `after ${lasted} ms`) // not at once, nor after the usual 10 s
  })
  test('whose headers trickle in is ended', async () => {
    const socket = open()
    await once(socket, 'secureConnect')
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(socket, 'close')
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 408 /)
  })
  // apiserver server/secure_serving.go: IdleTimeout, that of Go's clients.
  test('is kept between two requests for as long as clients reckon with', async () => {
    const socket = open()
    await once(socket, 'secureConnect')
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    const [data] = await once(socket, 'data')
    assert.match(String(data), /^keep-alive: timeout=90\r$/im)
    socket.destroy()
  })

  // net/http DefaultMaxHeaderBytes is 1 MiB: the URL of `kubectl exec` holds a whole script.
  const lengths = [
    { name: 'whose URL has 200 kB is answered', bytes: 200_000, code: 200 },
    { name: 'whose URL is beyond 1 MiB is refused: 431', bytes: 1100 * 1024, code: 431 },
  ]
  for (const { name, bytes, code } of lengths) {
    test(name, async () => {
      const socket = open()
      await once(socket, 'secureConnect')
      socket.on('error', () => {}) // what is refused is not read to its end
      socket.write(`GET /healthz?x=${'x'.repeat(bytes)} HTTP/1.1\r\nHost: x\r\n\r\n`)
      const [data] = await once(socket, 'data')
      assert.match(String(data), new RegExp(`^HTTP/1\\.1 ${code} `))
      socket.destroy()
    })
  }
  test('over HTTP/2 may have more than 64 KiB of headers', async () => {
    const session = connectHTTP2(server.url, {
      ca: server.authority.caPEM,
      maxSendHeaderBlockLength: 1024 * 1024,
    })
    await once(session, 'remoteSettings')
    const headers = Object.fromEntries([1, 2, 3].map((i) => [`x-${i}`, 'x'.repeat(30 * 1024)]))
    const stream = session.request({ ':path': '/healthz', ...headers })
    const [answer] = await once(stream, 'response')
    assert.equal(answer[':status'], 200)
    session.destroy()
  })
  test('over HTTP/2 with too long headers loses its stream, not the server', async () => {
    const session = server.connectAs(server.admin)
    const stream = session.request({ ':path': '/healthz', 'x-long': 'x'.repeat(100 * 1024) })
    const [error] = await once(stream, 'error')
    assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
    assert.equal((await server.request('GET', '/healthz')).code, 200)
  })
  test('has a number of streams', async () => {
    const session = server.connectAs(server.admin)
    const [settings] = await once(session, 'remoteSettings')
    assert.equal(settings.maxConcurrentStreams, 1000)
  })
  test('is one of a number', async () => {
    const sockets = Array.from({ length: 60 }, () => connectTCP(port(), '127.0.0.1'))
    const closed = await Promise.race(sockets.map((socket) => once(socket, 'close')))
    assert.ok(closed)
    for (const socket of sockets) socket.destroy()
    await once(sockets[0]!, 'close').catch(() => {})
    assert.equal((await server.request('GET', '/healthz')).code, 200)
  })
})

// apiserver endpoints/handlers/rest.go limitedReadBody: MaxRequestBodyBytes
test('a body beyond 3 MiB is refused', async () => {
  const body = { metadata: { name: 'big' }, data: { k: 'x'.repeat(3 * 1024 * 1024) } }
  const answer = await server.request('POST', MAPS, { body })
  assert.deepEqual(
    [answer.code, answer.body.reason, answer.body.message],
    [413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728'],
  )
})

// Go's time package, TestParseDuration
suite('parseGoDuration()', () => {
  const cases = [
    { text: '0', want: 0 },
    { text: '5s', want: 5000 },
    { text: '1478s', want: 1_478_000 },
    { text: '-5s', want: -5000 },
    { text: '.5s', want: 500 },
    { text: '1.5h', want: 5_400_000 },
    { text: '3h30m', want: 12_600_000 },
    { text: '10.5s4m', want: 250_500 },
    { text: '12µs', want: 0.012 },
    { text: '', want: undefined },
    { text: '3', want: undefined },
    { text: '-', want: undefined },
    { text: 's', want: undefined },
    { text: '.s', want: undefined },
    { text: '1x', want: undefined },
  ]
  for (const { text, want } of cases)
    test(JSON.stringify(text), () => assert.equal(parseGoDuration(text), want))
})
