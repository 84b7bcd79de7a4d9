import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { domainName } from '#wire/dns/name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from '#wire/dns/record.ts'
import type { Query } from './answer.ts'
import { chain } from './chain.ts'
import { forward } from './forward.ts'
import { startFakeUpstream } from './testing/fake-upstream.ts'

const name = domainName('www.example.com')
const query: Query = {
  question: { name, type: TYPE.A, class: CLASS_IN },
  recursionDesired: true,
  checkingDisabled: false,
  dnssecOK: false,
}
const record: DNSRecord = { name, ttlSeconds: 60, type: 'A', address: ip('192.0.2.1') }

/** For an answer that comes. */
const PATIENCE_MS = 60_000
/** For one that does not. */
const SILENCE_MS = 300
/** For one that does not come, before one that does. */
const LATE_MS = 1500

function asking(ports: readonly number[], timeoutMs = PATIENCE_MS) {
  const upstreams = ports.map((port) => ({ address: ip('127.0.0.1'), port }))
  const options = { upstreams, timeoutMs, tries: 2, maxInFlight: 2, now: Date.now }
  return chain([forward(options)])
}

/** Nothing listens there: it was just given back. */
async function closedPort(): Promise<number> {
  await using server = await startFakeUpstream(() => undefined)
  return server.port
}

suite('forward()', () => {
  test('gives the answer, without the upstream’s authority bit', async () => {
    await using upstream = await startFakeUpstream(() => ({
      answers: [record],
      authoritative: true,
    }))
    const answer = await asking([upstream.port])(query)
    assert.deepEqual(answer.answers, [record])
    assert.equal(answer.authoritative, false)
  })

  test('asks over TCP when the answer is cut', async () => {
    await using upstream = await startFakeUpstream((_, protocol) =>
      protocol === 'udp' ? { truncated: true } : { answers: [record] },
    )
    assert.deepEqual((await asking([upstream.port])(query)).answers, [record])
  })

  test('asks the next upstream when one refuses the packet, is silent, or says SERVFAIL', async () => {
    let questions = 0
    await using silent = await startFakeUpstream(() => {
      questions++
      return undefined
    })
    await using failing = await startFakeUpstream(() => ({ rcode: 'SERVFAIL' }))
    await using good = await startFakeUpstream(() => ({ answers: [record] }))
    const ports = [await closedPort(), silent.port, failing.port, good.port]
    const serve = asking(ports, LATE_MS)
    assert.deepEqual((await serve(query)).answers, [record])
    assert.deepEqual((await serve(query)).answers, [record])
    assert.equal(questions, 1, 'the silent one is asked last the next time')
  })

  test('asks a lone upstream twice', async () => {
    let asked = 0
    await using upstream = await startFakeUpstream(() =>
      ++asked === 1 ? undefined : { answers: [record] },
    )
    assert.deepEqual((await asking([upstream.port], LATE_MS)(query)).answers, [record])
  })

  // RFC 5452 section 9.1: id, question and (by the connected socket) address must fit.
  test('believes no answer with another id or question', async () => {
    const lies: readonly { id?: number; question?: Query['question'] }[] = [
      { question: { name: domainName('www.example.org'), type: TYPE.A, class: CLASS_IN } },
      { question: { name, type: TYPE.AAAA, class: CLASS_IN } },
    ]
    for (const lie of lies) {
      await using upstream = await startFakeUpstream(() => ({ ...lie, answers: [record] }))
      await assert.rejects(asking([upstream.port], SILENCE_MS)(query), /no upstream answers/)
    }
    await using upstream = await startFakeUpstream(({ id }) => ({ id: id ^ 1, answers: [record] }))
    await assert.rejects(asking([upstream.port], SILENCE_MS)(query), /no upstream answers/)
  })

  test('passes over garbage', async () => {
    await using upstream = await startFakeUpstream(() => Uint8Array.of(1, 2, 3))
    await assert.rejects(asking([upstream.port], SILENCE_MS)(query), /no upstream answers/)
  })

  test('refuses what is too much at a time', async () => {
    await using upstream = await startFakeUpstream(() => undefined)
    const serve = asking([upstream.port], SILENCE_MS)
    const waiting = [serve(query), serve(query)]
    assert.equal((await serve(query)).rcode, 'REFUSED')
    await Promise.allSettled(waiting)
  })

  test('leaves it to the next handler without upstreams', async () => {
    assert.equal((await asking([])(query)).rcode, 'REFUSED')
  })
})
