import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { decodeHead, decodeQuery, decodeResponse } from './decode-message.ts'
import { encodeQuery, encodeResponse } from './encode-message.ts'
import type { ResponseMessage } from './message.ts'
import { domainName } from './name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from './record.ts'

const hex = (text: string) => Uint8Array.fromHex(text.replaceAll(/\s/g, ''))

// DiG 9.18.49: dig @127.0.0.1 OPTIONS, captured from the socket.
const queries = [
  {
    name: 'dig +noedns +noadflag Web.Default.svc.cluster.local A',
    bytes: `55e2 0100 0001 0000 0000 0000 03576562 0744656661756c74 03737663
      07636c7573746572 056c6f63616c 00 0001 0001`,
    want: {
      id: 0x55e2,
      opcode: 0,
      recursionDesired: true,
      checkingDisabled: false,
      question: { name: 'Web.Default.svc.cluster.local', type: TYPE.A, class: CLASS_IN },
    },
  },
  {
    name: 'dig +nocookie +bufsize=1232 +dnssec +noadflag _http._tcp.web.default.svc.cluster.local SRV',
    bytes: `4428 0100 0001 0000 0000 0001 055f68747470 045f746370 03776562 0764656661756c74 03737663
      07636c7573746572 056c6f63616c 00 0021 0001 00 0029 04d0 00 00 8000 0000`,
    want: {
      id: 0x4428,
      opcode: 0,
      recursionDesired: true,
      checkingDisabled: false,
      question: {
        name: '_http._tcp.web.default.svc.cluster.local',
        type: TYPE.SRV,
        class: CLASS_IN,
      },
      edns: { version: 0, udpPayloadBytes: 1232, dnssecOK: true },
    },
  },
  {
    name: 'dig +nocookie +edns=1 +noednsneg example.com AAAA',
    bytes: `47da 0120 0001 0000 0000 0001 076578616d706c65 03636f6d 00 001c 0001
      00 0029 04d0 00 01 0000 0000`,
    want: {
      id: 0x47da,
      opcode: 0,
      recursionDesired: true,
      checkingDisabled: false,
      question: { name: 'example.com', type: TYPE.AAAA, class: CLASS_IN },
      edns: { version: 1, udpPayloadBytes: 1232, dnssecOK: false },
    },
  },
  {
    name: 'dig +noedns +noadflag a\\.b.c\\032d.example TXT',
    bytes: `1890 0100 0001 0000 0000 0000 03612e62 03632064 076578616d706c65 00 0010 0001`,
    want: {
      id: 0x1890,
      opcode: 0,
      recursionDesired: true,
      checkingDisabled: false,
      question: { name: 'a\\.b.c\\032d.example', type: TYPE.TXT, class: CLASS_IN },
    },
  },
]

suite('decodeQuery()', () => {
  for (const { name, bytes, want } of queries)
    test(name, () => assert.deepEqual(decodeQuery(hex(bytes)), want))

  test('dig -x 10.96.0.1, with a cookie that is passed over', () => {
    const bytes =
      hex(`f375 0120 0001 0000 0000 0001 0131 0130 023936 023130 07696e2d61646472 0461727061 00
      000c 0001 00 0029 04d0 00 00 0000 000c 000a0008 0a04dd9f8df6bd4c`)
    assert.equal(decodeQuery(bytes).question.name, '1.0.96.10.in-addr.arpa')
  })

  const refused = [
    { name: 'no question', bytes: '0001 0100 0000 0000 0000 0000' },
    { name: 'two questions', bytes: '0001 0100 0002 0000 0000 0000 00 0001 0001 00 0001 0001' },
    { name: 'an answer', bytes: '0001 0100 0001 0001 0000 0000 00 0001 0001' },
    // RFC 6891 section 6.1.1
    {
      name: 'two OPT records',
      bytes: `0001 0100 0001 0000 0000 0002 00 0001 0001
        00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000`,
    },
    {
      name: 'OPT that the root does not own',
      bytes: '0001 0100 0001 0000 0000 0001 00 0001 0001 0161 00 0029 04d0 00000000 0000',
    },
    { name: 'a count that lies', bytes: '0001 0100 0001 0000 0000 ffff 00 0001 0001' },
  ]
  for (const { name, bytes } of refused)
    test(`refuses ${name}`, () =>
      assert.throws(() => decodeQuery(hex(bytes)), { name: 'WireError' }))

  test('encodeQuery() writes what dig writes', () => {
    for (const { bytes, want } of queries.filter(({ name }) => name.includes('+noadflag')))
      assert.deepEqual(
        Buffer.from(encodeQuery(decodeQuery(hex(bytes)))),
        Buffer.from(hex(bytes)),
        want.question.name,
      )
  })
})

const web = domainName('web.default.svc.cluster.local')
const response: ResponseMessage = {
  id: 0x1234,
  opcode: 0,
  rcode: 'NOERROR',
  authoritative: true,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
  answers: [],
  authority: [],
  additional: [],
}

// BIND 9.18.49 with minimal-responses, asked over UDP for records of a zone file of those values.
const responses: readonly { name: string; bytes: string; want: ResponseMessage }[] = [
  {
    name: 'A',
    bytes: `1234 8500 0001 0001 0000 0000 03776562 0764656661756c74 03737663 07636c7573746572 056c6f63616c 00
      0001 0001 c00c 0001 0001 0000001e 0004 0a600014`,
    want: {
      ...response,
      question: { name: web, type: TYPE.A, class: CLASS_IN },
      answers: [{ name: web, ttlSeconds: 30, type: 'A', address: ip('10.96.0.20') }],
    },
  },
  {
    name: 'AAAA',
    bytes: `1234 8500 0001 0001 0000 0000 03776562 0764656661756c74 03737663 07636c7573746572 056c6f63616c 00
      001c 0001 c00c 001c 0001 0000001e 0010 fd000010009600000000000000000020`,
    want: {
      ...response,
      question: { name: web, type: TYPE.AAAA, class: CLASS_IN },
      answers: [{ name: web, ttlSeconds: 30, type: 'AAAA', address: ip('fd00:10:96::20') }],
    },
  },
  {
    name: 'TXT',
    bytes: `1234 8500 0001 0001 0000 0000 0b646e732d76657273696f6e 07636c7573746572 056c6f63616c 00
      0010 0001 c00c 0010 0001 0000001e 0006 05312e312e30`,
    want: {
      ...response,
      question: { name: domainName('dns-version.cluster.local'), type: TYPE.TXT, class: CLASS_IN },
      answers: [
        {
          name: domainName('dns-version.cluster.local'),
          ttlSeconds: 30,
          type: 'TXT',
          texts: ['1.1.0'],
        },
      ],
    },
  },
  {
    name: 'CNAME',
    bytes: `1234 8500 0001 0001 0000 0000 03657874 0764656661756c74 03737663 07636c7573746572 056c6f63616c 00
      0001 0001 c00c 0005 0001 0000001e 0011 03777777 076578616d706c65 03636f6d 00`,
    want: {
      ...response,
      question: {
        name: domainName('ext.default.svc.cluster.local'),
        type: TYPE.A,
        class: CLASS_IN,
      },
      answers: [
        {
          name: domainName('ext.default.svc.cluster.local'),
          ttlSeconds: 30,
          type: 'CNAME',
          target: domainName('www.example.com'),
        },
      ],
    },
  },
]

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

suite('hostile bytes', () => {
  const whole = [...queries, ...responses].map(({ bytes }) => hex(bytes))

  test('every truncation is refused with a WireError', () => {
    for (const bytes of whole) {
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length)
        const decode = (cut[2] ?? 0) & 0x80 ? decodeResponse : decodeQuery
        assert.throws(() => decode(cut), { name: 'WireError' })
      }
    }
  })

  test('5,000 mutations end in a value or a WireError', () => {
    const seed = 20261121
    const random = mulberry32(seed)
    for (let round = 0; round < 5000; round++) {
      const bytes = Uint8Array.from(whole[Math.floor(random() * whole.length)]!)
      for (let flips = 1 + Math.floor(random() * 4); flips > 0; flips--) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
      }
      for (const decode of [decodeQuery, decodeResponse]) {
        try {
          const message = decode(bytes)
          if ('rcode' in message) encodeResponse(message)
          else encodeQuery(message)
        } catch (error) {
          assert.equal((error as Error).name, 'WireError', `seed ${seed} round ${round}: ${error}`)
        }
      }
    }
  })

  test('decodeHead() needs twelve bytes', () => {
    assert.equal(decodeHead(new Uint8Array(11)), undefined)
    assert.deepEqual(decodeHead(hex('1234 8500 0001 0001 0000 0000')), {
      id: 0x1234,
      isResponse: true,
      opcode: 0,
      recursionDesired: true,
    })
  })
})

/** A small seeded generator, so that a failing round can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
