import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { domainName } from '#wire/dns/name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from '#wire/dns/record.ts'
import { type Answer, bareAnswer, type Query } from './answer.ts'
import { cache } from './cache.ts'
import { chain, type Handler } from './chain.ts'
import { cluster } from './cluster.ts'
import { MutableClusterIndex } from './cluster-index.ts'
import { count, createMeter } from './count.ts'
import { loadBalance } from './load-balance.ts'
import { logErrors } from './log-errors.ts'

function query(name: string, type: number = TYPE.A): Query {
  const question = { name: domainName(name), type, class: CLASS_IN }
  return { question, recursionDesired: true, checkingDisabled: false, dnssecOK: false }
}

function found(...answers: readonly DNSRecord[]): Answer {
  return { ...bareAnswer('NOERROR'), answers }
}

function a(name: string, address: string, ttlSeconds = 20): DNSRecord {
  return { name: domainName(name), ttlSeconds, type: 'A', address: ip(address) }
}

const soa: DNSRecord = {
  name: domainName('example.com'),
  ttlSeconds: 600,
  type: 'SOA',
  mname: domainName('ns.example.com'),
  rname: domainName('root.example.com'),
  serial: 1,
  refresh: 1,
  retry: 1,
  expire: 1,
  minimum: 7,
}

suite('chain()', () => {
  test('refuses what nobody answers', async () => {
    const pass: Handler = (query, next) => next(query)
    assert.equal((await chain([pass, pass])(query('a'))).rcode, 'REFUSED')
  })
  test('logErrors() makes SERVFAIL of an error, count() counts', async () => {
    const meter = createMeter()
    const fail: Handler = async () => {
      throw new Error('no')
    }
    const serve = chain([count(meter), logErrors(silentLog), fail])
    assert.equal((await serve(query('a'))).rcode, 'SERVFAIL')
    assert.deepEqual(
      [...meter.requests, ...meter.responses],
      [
        [TYPE.A, 1],
        ['SERVFAIL', 1],
      ],
    )
  })
  test('loadBalance() shuffles addresses and leaves aliases in front', async () => {
    const alias: DNSRecord = {
      name: domainName('x'),
      ttlSeconds: 1,
      type: 'CNAME',
      target: domainName('y'),
    }
    const answers = [alias, a('y', '10.0.0.1'), a('y', '10.0.0.2'), a('y', '10.0.0.3')]
    const serve = chain([loadBalance(() => 0), async () => found(...answers)])
    const { answers: got } = await serve(query('x'))
    assert.equal(got[0], alias)
    assert.notDeepEqual(got, answers)
    assert.deepEqual(new Set(got), new Set(answers))
  })
})

suite('cache()', () => {
  function createCache(answer: Answer, maxEntries = 10) {
    let now = 0
    let asked = 0
    const serve = chain([
      cache({ now: () => now, maxEntries, maxTTLSeconds: 30 }),
      async () => {
        asked++
        return answer
      },
    ])
    return {
      serve,
      asked: () => asked,
      advance: (seconds: number) => {
        now += seconds * 1000
      },
    }
  }

  test('keeps an answer as long as its TTL says, and counts that down', async () => {
    const { serve, asked, advance } = createCache(found(a('x', '10.0.0.1')))
    await serve(query('x'))
    advance(15)
    assert.equal((await serve(query('X'))).answers[0]?.ttlSeconds, 5)
    assert.equal(asked(), 1)
    advance(5)
    await serve(query('x'))
    assert.equal(asked(), 2)
  })
  // RFC 2308 section 5: the lesser of the SOA's TTL and its MINIMUM field.
  for (const rcode of ['NXDOMAIN', 'NOERROR'] as const) {
    test(`keeps a negative ${rcode} as long as the SOA says`, async () => {
      const { serve, asked, advance } = createCache({ ...bareAnswer(rcode), authority: [soa] })
      await serve(query('x'))
      advance(6)
      await serve(query('x'))
      assert.equal(asked(), 1)
      advance(1)
      await serve(query('x'))
      assert.equal(asked(), 2)
    })
  }
  const never = [
    { name: 'SERVFAIL', answer: bareAnswer('SERVFAIL') },
    { name: 'a negative answer without SOA', answer: bareAnswer('NXDOMAIN') },
    { name: 'TTL 0', answer: found(a('x', '10.0.0.1', 0)) },
    { name: 'answers that are too big', answer: found(...Array(65).fill(a('x', '10.0.0.1'))) },
  ]
  for (const { name, answer } of never) {
    test(`never keeps ${name}`, async () => {
      const { serve, asked } = createCache(answer)
      await serve(query('x'))
      await serve(query('x'))
      assert.equal(asked(), 2)
    })
  }
  test('is bounded: the entry that was used longest ago goes', async () => {
    const { serve, asked } = createCache(found(a('x', '10.0.0.1')), 2)
    for (const name of ['a', 'b', 'a', 'c', 'a']) await serve(query(name))
    assert.equal(asked(), 3)
    await serve(query('b'))
    assert.equal(asked(), 4)
  })
  test('tells questions apart', async () => {
    const { serve, asked } = createCache(found(a('x', '10.0.0.1')))
    await serve(query('x'))
    await serve(query('x', TYPE.AAAA))
    await serve({ ...query('x'), dnssecOK: true })
    assert.equal(asked(), 3)
  })
})

suite('cluster() follows an ExternalName', () => {
  const index = new MutableClusterIndex()
  const externals = {
    out: 'www.example.com',
    in: 'web.default.svc.cluster.local',
    loop: 'loop2.default.svc.cluster.local',
    loop2: 'loop.default.svc.cluster.local',
    broken: 'nope.example.com',
    gone: 'nope.default.svc.cluster.local',
  }
  for (const [name, externalName] of Object.entries(externals)) {
    index.setService({
      metadata: { name, namespace: 'default' },
      spec: { type: 'ExternalName', externalName },
    })
  }
  index.setService({
    metadata: { name: 'web', namespace: 'default' },
    spec: { clusterIP: '10.96.0.20' },
  })
  index.isSynced = true
  const zone = { zone: domainName('cluster.local'), ttlSeconds: 30, serverAddresses: [] }
  const serve = chain([
    cluster(index, zone),
    async ({ question: { name } }) =>
      name === 'www.example.com'
        ? found(a('www.example.com', '192.0.2.1'))
        : { ...bareAnswer('NXDOMAIN'), authority: [soa] },
  ])
  const cases = [
    { name: 'out', want: ['CNAME', 'A'], rcode: 'NOERROR' },
    { name: 'in', want: ['CNAME', 'A'], rcode: 'NOERROR' },
    { name: 'loop', want: ['CNAME', 'CNAME'], rcode: 'NOERROR' },
    { name: 'broken', want: ['CNAME'], rcode: 'NXDOMAIN' },
    { name: 'gone', want: ['CNAME'], rcode: 'NXDOMAIN' },
  ]
  for (const { name, want, rcode } of cases) {
    test(name, async () => {
      const answer = await serve(query(`${name}.default.svc.cluster.local`))
      assert.deepEqual(
        answer.answers.map(({ type }) => type),
        want,
      )
      assert.equal(answer.rcode, rcode)
    })
  }
  test('but not for a question about the alias itself', async () => {
    const answer = await serve(query('out.default.svc.cluster.local', TYPE.CNAME))
    assert.equal(answer.answers.length, 1)
  })
})
