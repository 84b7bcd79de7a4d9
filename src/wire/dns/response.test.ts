import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { hex } from '#testing/codec.ts'
import { decodeResponse } from './decode-message.ts'
import { encodeResponse } from './encode-message.ts'
import { domainName } from './name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from './record.ts'
import { response, responses, web } from './testing/golden.ts'

suite('responses', () => {
  for (const { name, bytes, want } of responses) {
    test(`decodeResponse() reads BIND's ${name}`, () =>
      assert.deepEqual(decodeResponse(hex(bytes)), want))
    test(`encodeResponse() writes BIND's ${name}`, () =>
      assert.deepEqual(Buffer.from(encodeResponse(want)), Buffer.from(hex(bytes))))
  }

  test("decodeResponse() reads BIND's SRV with glue and OPT", () => {
    const { answers, authority, additional, edns } = decodeResponse(
      hex(`1234 8500 0001 0001 0001 0004 055f68747470 045f746370 03776562 0764656661756c74 03737663 07636c7573746572
        056c6f63616c 00 0021 0001 c00c 0021 0001 0000001e 0025 0000 0064 0050 03776562 0764656661756c74 03737663
        07636c7573746572 056c6f63616c 00 07636c7573746572 056c6f63616c 00 0002 0001 0000001e 0016 026e73 03646e73
        07636c7573746572 056c6f63616c 00 c04c 0001 0001 0000001e 0004 0a600014 c084 0001 0001 0000001e 0004 0a60000a
        c04c 001c 0001 0000001e 0010 fd000010009600000000000000000020 00 0029 04d0 0000 0000 0000`),
    )
    assert.deepEqual(answers, [
      {
        name: '_http._tcp.web.default.svc.cluster.local',
        ttlSeconds: 30,
        type: 'SRV',
        priority: 0,
        weight: 100,
        port: 80,
        target: web,
      },
    ])
    assert.deepEqual(authority, [
      { name: 'cluster.local', ttlSeconds: 30, type: 'NS', target: 'ns.dns.cluster.local' },
    ])
    assert.deepEqual(additional, [
      { name: web, ttlSeconds: 30, type: 'A', address: '10.96.0.20' },
      { name: 'ns.dns.cluster.local', ttlSeconds: 30, type: 'A', address: '10.96.0.10' },
      { name: web, ttlSeconds: 30, type: 'AAAA', address: 'fd00:10:96::20' },
    ])
    assert.deepEqual(edns, { version: 0, udpPayloadBytes: 1232, dnssecOK: false })
  })

  test("decodeResponse() reads BIND's NXDOMAIN with SOA", () => {
    const { rcode, authority } = decodeResponse(
      hex(`1234 8503 0001 0000 0001 0000 046e6f7065 0764656661756c74 03737663 07636c7573746572 056c6f63616c 00 0001 0001
        07636c7573746572 056c6f63616c 00 0006 0001 0000001e 0037 026e73 03646e73 07636c7573746572 056c6f63616c 00
        0a686f73746d6173746572 c030 6553f100 00001c20 00000708 00015180 0000001e`),
    )
    assert.equal(rcode, 'NXDOMAIN')
    assert.deepEqual(authority, [
      {
        name: 'cluster.local',
        ttlSeconds: 30,
        type: 'SOA',
        mname: 'ns.dns.cluster.local',
        rname: 'hostmaster.cluster.local',
        serial: 1700000000,
        refresh: 7200,
        retry: 1800,
        expire: 86400,
        minimum: 30,
      },
    ])
  })

  test('unknown and IPv4-mapped rdata passes through unchanged', () => {
    const answers: readonly DNSRecord[] = [
      {
        name: web,
        ttlSeconds: 5,
        type: 'opaque',
        typeCode: 65,
        rdata: hex('0001000001000302683200'),
      },
      {
        name: web,
        ttlSeconds: 5,
        type: 'opaque',
        typeCode: 28,
        rdata: hex('00000000000000000000ffff01020304'),
      },
      {
        name: web,
        ttlSeconds: 5,
        type: 'MX',
        preference: 10,
        target: domainName('mail.cluster.local'),
      },
    ]
    assert.deepEqual(decodeResponse(encodeResponse({ ...response, answers })).answers, answers)
  })

  test('BADVERS needs the upper bits in OPT', () => {
    const edns = { version: 0, udpPayloadBytes: 1232, dnssecOK: false }
    const bytes = encodeResponse({ ...response, rcode: 'BADVERS', edns })
    assert.equal(bytes[3]! & 15, 0) // RFC 6891 section 9: BADVERS is 16: lower four bits 0, upper eight 1
    assert.equal(decodeResponse(bytes).rcode, 'BADVERS')
  })
})

suite('encodeResponse() within a limit', () => {
  const answers = Array.from(
    { length: 100 },
    (_, i): DNSRecord => ({
      name: web,
      ttlSeconds: 30,
      type: 'A',
      address: ip(`10.244.1.${i}`),
    }),
  )
  const big = { ...response, question: { name: web, type: TYPE.A, class: CLASS_IN }, answers }
  // Header 12, question 35, then 16 bytes a record: (512 - 47) / 16 = 29 (the number in facts: 29 A records in 512 bytes).
  test('512 bytes hold 29 compressed A records', () => {
    const decoded = decodeResponse(encodeResponse(big, 512))
    assert.equal(decoded.answers.length, 29)
    assert.equal(decoded.truncated, true)
  })
  test('OPT always fits', () => {
    const edns = { version: 0, udpPayloadBytes: 1232, dnssecOK: false }
    const bytes = encodeResponse({ ...big, edns }, 512)
    assert.ok(bytes.length <= 512)
    assert.deepEqual(decodeResponse(bytes).edns, edns)
  })
  test('additional records are dropped without TC', () => {
    const decoded = decodeResponse(
      encodeResponse({ ...big, answers: answers.slice(0, 20), additional: answers }, 512),
    )
    assert.equal(decoded.truncated, false)
    assert.equal(decoded.answers.length, 20)
    assert.equal(decoded.additional.length, 9)
  })
  test('TCP takes all', () =>
    assert.deepEqual(decodeResponse(encodeResponse(big)).answers, answers))
})
