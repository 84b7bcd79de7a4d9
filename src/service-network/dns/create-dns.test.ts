import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { createFakeAPI } from '#client/fake-api.ts'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { decodeHead, decodeResponse } from '#wire/dns/decode-message.ts'
import { encodeQuery } from '#wire/dns/encode-message.ts'
import { domainName } from '#wire/dns/name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from '#wire/dns/record.ts'
import { createDNS, type DNS } from './create-dns.ts'
import type { DNSServer } from './server.ts'
import { createFrameReader, frame } from './tcp-frames.ts'
import { onAnyPort, startFakeUpstream } from './testing/fake-upstream.ts'

const run = promisify(execFile)
const api = createFakeAPI()
const life = new AbortController()
const big = Array.from({ length: 120 }, (_, i) => `10.244.1.${i}`)
let upstream: DNSServer
let dns: DNS

/** The real dig against the real server. */
async function dig(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('dig', [
    '@127.0.0.1',
    '-p',
    `${dns.port}`,
    '+tries=1',
    '+timeout=3',
    ...args,
  ])
  return stdout.trim()
}

before(async () => {
  await api.create(resources.namespaces, { metadata: { name: 'default' } })
  const services = {
    web: { clusterIP: '10.96.0.20', ports: [{ name: 'http', port: 80 }] },
    db: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] },
    ext: { type: 'ExternalName' as const, externalName: 'www.example.com' },
  }
  for (const [name, spec] of Object.entries(services)) {
    await api.create(resources.services, { metadata: { name, namespace: 'default' }, spec })
  }
  await api.create(resources.endpointSlices, {
    metadata: {
      name: 'db-1',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'db' },
    },
    addressType: 'IPv4',
    endpoints: big.map((address) => ({ addresses: [address] })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  })
  const record: DNSRecord = {
    name: domainName('www.example.com'),
    ttlSeconds: 60,
    type: 'A',
    address: ip('192.0.2.1'),
  }
  upstream = await startFakeUpstream(({ question }) =>
    question.name.toLowerCase() === 'slow.example.com' ? undefined : { answers: [record] },
  )
  const deps = {
    services: createInformer(api, resources.services, life.signal),
    slices: createInformer(api, resources.endpointSlices, life.signal),
    namespaces: createInformer(api, resources.namespaces, life.signal),
    log: silentLog,
  }
  const options = {
    zone: domainName('cluster.local'),
    ttlSeconds: 30,
    address: ip('127.0.0.1'),
    upstreams: [{ address: ip('127.0.0.1'), port: upstream.port }],
    serverAddresses: [ip('10.244.1.2')],
  }
  dns = await onAnyPort((port) => createDNS(deps, { ...options, port }))
})

after(async () => {
  life.abort()
  await dns[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

suite('dig against createDNS()', () => {
  test('becomes ready', async () => {
    await waitFor(() => dns.isReady, { what: 'the DNS server to be ready' })
  })
  test('A', async () =>
    assert.equal(await dig('+short', 'web.default.svc.cluster.local'), '10.96.0.20'))
  test('A over TCP', async () =>
    assert.equal(await dig('+short', '+tcp', 'web.default.svc.cluster.local'), '10.96.0.20'))
  test('SRV', async () =>
    assert.equal(
      await dig('+short', '_http._tcp.web.default.svc.cluster.local', 'SRV'),
      '0 100 80 web.default.svc.cluster.local.',
    ))
  test('PTR', async () =>
    assert.equal(await dig('+short', '-x', '10.96.0.20'), 'web.default.svc.cluster.local.'))
  test('flags and sections of a positive answer', async () => {
    const output = await dig('web.default.svc.cluster.local')
    assert.match(output, /status: NOERROR/)
    assert.match(output, /flags: qr aa rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1/)
    assert.match(output, /web\.default\.svc\.cluster\.local\. 30 IN\s+A\s+10\.96\.0\.20/)
    assert.doesNotMatch(output, /recursion requested|malformed/)
  })
  test('NXDOMAIN with SOA', async () => {
    const output = await dig('nope.default.svc.cluster.local')
    assert.match(output, /status: NXDOMAIN/)
    assert.match(
      output,
      /cluster\.local\.\s+30\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 30/,
    )
  })
  test('NODATA for AAAA', async () => {
    const output = await dig('web.default.svc.cluster.local', 'AAAA')
    assert.match(output, /status: NOERROR/)
    assert.match(output, /ANSWER: 0, AUTHORITY: 1/)
  })
  test('ExternalName, with the upstream’s address', async () =>
    assert.equal(
      await dig('+short', 'ext.default.svc.cluster.local'),
      'www.example.com.\n192.0.2.1',
    ))
  test('another name is forwarded, without AA', async () =>
    assert.match(await dig('www.example.com'), /flags: qr rd ra;[\s\S]*192\.0\.2\.1/))
  test('big answers: TC over UDP, all of it over TCP, shuffled', async () => {
    const name = 'db.default.svc.cluster.local'
    const cut = await dig('+ignore', '+noedns', name)
    assert.match(cut, /flags: qr aa tc rd ra/)
    const [once, again] = [await dig('+short', name), await dig('+short', name)]
    assert.deepEqual(new Set(once.split('\n')), new Set(big))
    assert.notEqual(once, again)
  })
  test('no OPT without OPT; BADVERS', async () => {
    assert.doesNotMatch(await dig('+noedns', 'web.default.svc.cluster.local'), /OPT PSEUDOSECTION/)
    assert.match(
      await dig('+edns=7', '+noednsneg', 'web.default.svc.cluster.local'),
      /status: BADVERS/,
    )
  })
  test('zone transfer and other classes are refused', async () => {
    assert.match(await dig('cluster.local', 'AXFR'), /Transfer failed/)
    assert.match(await dig('-c', 'CH', 'version.bind', 'TXT'), /status: REFUSED/)
  })
  test('other opcodes are not implemented', async () =>
    assert.match(await dig('+opcode=NOTIFY', 'cluster.local', 'SOA'), /status: NOTIMP/))

  test('follows the API: created and deleted', async () => {
    const key = { name: 'late', namespace: 'default' }
    await api.create(resources.services, { metadata: key, spec: { clusterIP: '10.96.0.99' } })
    const late = () => dig('+short', 'late.default.svc.cluster.local')
    await waitFor(async () => (await late()) === '10.96.0.99', { what: 'the name to appear' })
    await api.delete(resources.services, key)
    await waitFor(async () => (await late()) === '', { what: 'the name to go' })
  })
})

function query(id: number, name: string): Uint8Array {
  const question = { name: domainName(name), type: TYPE.A, class: CLASS_IN }
  return encodeQuery({ id, opcode: 0, recursionDesired: true, checkingDisabled: false, question })
}

test('the meter counts what was asked and said', () => {
  assert.ok(dns.meter.requests.get(TYPE.SRV))
  assert.ok(dns.meter.responses.get('NXDOMAIN'))
})

suite('packets', () => {
  test('pipelined over TCP, in pieces: a slow answer does not hold up the next', async () => {
    const socket = connect(dns.port, '127.0.0.1')
    const ids: number[] = []
    const done = new Promise<void>((resolve) => {
      const read = createFrameReader((message) => {
        ids.push(decodeHead(message)!.id)
        if (ids.length === 2) resolve()
      })
      socket.on('data', read)
    })
    const stream = Buffer.concat(
      [
        query(1, 'slow.example.com'),
        query(2, 'web.default.svc.cluster.local'),
        query(3, 'www.example.com'),
      ].map(frame),
    )
    for (const byte of stream) socket.write(Uint8Array.of(byte))
    await done
    socket.destroy()
    assert.deepEqual(ids, [2, 3])
  })

  test('a client that ends its side still gets its answer', async () => {
    const socket = connect({ port: dns.port, host: '127.0.0.1', allowHalfOpen: true })
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    socket.on('data', createFrameReader(resolve))
    socket.end(frame(query(7, 'www.example.com')))
    assert.equal(decodeResponse(await promise).id, 7)
  })

  test('hostile packets get FORMERR or nothing, and the server lives on', async () => {
    const socket = createSocket('udp4')
    const answers: Buffer[] = []
    socket.on('message', (message) => answers.push(message))
    await new Promise<void>((resolve) => socket.connect(dns.port, '127.0.0.1', resolve))
    const good = query(9, 'web.default.svc.cluster.local')
    for (let length = 0; length < good.length; length++) socket.send(good.subarray(0, length))
    // Names that are forwarded by chance would keep the upstream busy: only the head and the first label are damaged.
    const change = fc.tuple(fc.nat(15), fc.nat(255))
    for (const [at, value] of fc.sample(change, { numRuns: 500, seed: 42 })) {
      const damaged = Uint8Array.from(good)
      damaged[at] = value
      socket.send(damaged)
    }
    // On a busy machine the flood fills the socket's buffer: a resolver asks again.
    const answer = await dig('+tries=5', '+short', 'web.default.svc.cluster.local').finally(() =>
      socket.close(),
    )
    // It tells of each try that was lost, too.
    const records = answer.split('\n').filter((line) => !line.startsWith(';;'))
    assert.deepEqual(records, ['10.96.0.20'])
    assert.ok(answers.length > 0)
    for (const each of answers) assert.ok(decodeHead(each)?.isResponse)
  })
})
