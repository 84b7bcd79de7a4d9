import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { libc } from '#kernel/ffi/libc.ts'
import { openListener } from '#kernel/socket/listener.ts'
import { silentLog } from '#log/log.ts'
import { decodeResponse } from '#wire/dns/decode-message.ts'
import { encodeQuery } from '#wire/dns/encode-message.ts'
import { domainName } from '#wire/dns/name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from '#wire/dns/record.ts'
import { exchange, type Protocol } from './exchange.ts'
import { createRelay } from './relay.ts'
import type { DNSServer } from './server.ts'
import { startFakeUpstream } from './testing/fake-upstream.ts'

const record: DNSRecord = {
  name: domainName('www.example.com'),
  ttlSeconds: 60,
  type: 'A',
  address: ip('192.0.2.1'),
}
const question = { name: record.name, type: TYPE.A, class: CLASS_IN }
const query = encodeQuery({
  id: 77,
  opcode: 0,
  recursionDesired: true,
  checkingDisabled: false,
  question,
})

/** socket(2): SOCK_NONBLOCK and SOCK_CLOEXEC are 0o4000 and 0o2000000 in include/linux/net.h. */
function openSocket(protocol: Protocol): number {
  return libc().socket(2, (protocol === 'tcp' ? 1 : 2) | 0o4000 | 0o2000000, 0)
}

async function startRelay(
  signal: AbortSignal,
  upstreams: readonly string[],
  port: number,
): Promise<DNSServer> {
  const at = { address: ip('127.0.0.1'), port }
  const options = {
    udpFd: openListener({ ...at, protocol: 'udp' }),
    tcpFd: openListener({ ...at, protocol: 'tcp' }),
    upstreams,
    openUpstreamSocket: openSocket,
    log: silentLog,
  }
  return createRelay(options, signal)
}

/** A port that was free a moment ago, for both protocols. */
async function freePort(): Promise<number> {
  await using server = await startFakeUpstream(() => undefined)
  return server.port
}

async function ask(port: number, protocol: Protocol) {
  const upstream = { address: ip('127.0.0.1'), port }
  return decodeResponse(await exchange(query, upstream, { protocol, timeoutMs: 60_000 }))
}

suite('createRelay(), on sockets handed in', () => {
  for (const protocol of ['udp', 'tcp'] as const) {
    test(`carries a query and its answer over ${protocol}, under another id`, async (t) => {
      const stop = new AbortController()
      t.after(() => stop.abort())
      const ids: number[] = []
      await using upstream = await startFakeUpstream(({ id }, over) => {
        ids.push(id)
        return over === protocol ? { answers: [record] } : { rcode: 'REFUSED' }
      })
      const relay = await startRelay(stop.signal, [`127.0.0.1:${upstream.port}`], await freePort())
      for (let i = 0; i < 3; i++) {
        const response = await ask(relay.port, protocol)
        assert.deepEqual(response.answers, [record])
        assert.equal(response.id, 77)
      }
      assert.notDeepEqual(ids, [77, 77, 77])
    })
  }

  test('asks the next upstream, and says SERVFAIL when none answers', async (t) => {
    const stop = new AbortController()
    t.after(() => stop.abort())
    const closed = `127.0.0.1:${await freePort()}`
    await using upstream = await startFakeUpstream(() => ({ answers: [record] }))
    const relay = await startRelay(
      stop.signal,
      [closed, `127.0.0.1:${upstream.port}`],
      await freePort(),
    )
    assert.deepEqual((await ask(relay.port, 'udp')).answers, [record])
    const lonely = await startRelay(stop.signal, [closed, 'no address'], await freePort())
    assert.equal((await ask(lonely.port, 'udp')).rcode, 'SERVFAIL')
  })

  test('refuses to ask itself, and breaks a loop through another relay', async (t) => {
    const stop = new AbortController()
    t.after(() => stop.abort())
    const [first, second, own] = [await freePort(), await freePort(), await freePort()]
    await startRelay(stop.signal, [`127.0.0.1:${second}`], first)
    await startRelay(stop.signal, [`127.0.0.1:${first}`], second)
    // At once: after a timeout it would be SERVFAIL.
    assert.equal((await ask(first, 'udp')).rcode, 'REFUSED')
    await startRelay(stop.signal, [`127.0.0.1:${own}`], own)
    assert.equal((await ask(own, 'udp')).rcode, 'SERVFAIL')
  })
})
