import { ip } from '#ip/ip.ts'
import type { QueryMessage, ResponseMessage } from '../message.ts'
import { domainName } from '../name.ts'
import { CLASS_IN, TYPE } from '../record.ts'

// DiG 9.18.49: dig @127.0.0.1 OPTIONS, captured from the socket.
export const queries: readonly {
  name: string
  bytes: string
  want: QueryMessage
}[] = [
  {
    name: 'dig +noedns +noadflag Web.Default.svc.cluster.local A',
    bytes: `55e2 0100 0001 0000 0000 0000 03576562 0744656661756c74 03737663
      07636c7573746572 056c6f63616c 00 0001 0001`,
    want: {
      id: 0x55e2,
      opcode: 0,
      recursionDesired: true,
      checkingDisabled: false,
      question: {
        name: domainName('Web.Default.svc.cluster.local'),
        type: TYPE.A,
        class: CLASS_IN,
      },
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
        name: domainName('_http._tcp.web.default.svc.cluster.local'),
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
      question: { name: domainName('example.com'), type: TYPE.AAAA, class: CLASS_IN },
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
      question: { name: domainName('a\\.b.c\\032d.example'), type: TYPE.TXT, class: CLASS_IN },
    },
  },
]

export const web = domainName('web.default.svc.cluster.local')
export const response: ResponseMessage = {
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
export const responses: readonly { name: string; bytes: string; want: ResponseMessage }[] = [
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
