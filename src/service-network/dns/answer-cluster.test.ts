import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DNSRecord, TYPE } from '#wire/dns/record.ts'
import { ask } from './testing/index-of-services.ts'

/** Zone-file text without the class, as the tables below say it. */
function text(record: DNSRecord): string {
  const head = `${record.name} ${record.ttlSeconds} ${record.type}`
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `${head} ${record.address}`
    case 'SRV':
      return `${head} ${record.priority} ${record.weight} ${record.port} ${record.target}`
    case 'TXT':
      return `${head} ${record.texts.map((each) => `"${each}"`).join(' ')}`
    case 'SOA':
      return `${head} ${record.mname} ${record.rname} ${record.serial} ${record.refresh} ${record.retry} ${record.expire} ${record.minimum}`
    case 'opaque':
      return head
    default:
      return `${head} ${record.target}`
  }
}

// Source: the Kubernetes DNS specification's table (facts/dns.md 1), and CoreDNS where that is silent (facts/dns.md 2.2).
const positive: readonly { q: [string, keyof typeof TYPE]; want: string[]; glue?: string[] }[] = [
  {
    q: ['web.default.svc.cluster.local', 'A'],
    want: ['web.default.svc.cluster.local 30 A 10.96.0.20'],
  },
  {
    q: ['dual.default.svc.cluster.local', 'A'],
    want: ['dual.default.svc.cluster.local 30 A 10.96.0.21'],
  },
  {
    q: ['dual.default.svc.cluster.local', 'AAAA'],
    want: ['dual.default.svc.cluster.local 30 AAAA fd00:10:96::21'],
  },
  {
    q: ['_http._tcp.web.default.svc.cluster.local', 'SRV'],
    want: [
      '_http._tcp.web.default.svc.cluster.local 30 SRV 0 100 80 web.default.svc.cluster.local',
    ],
    glue: ['web.default.svc.cluster.local 30 A 10.96.0.20'],
  },
  {
    q: ['web.default.svc.cluster.local', 'SRV'],
    want: [
      'web.default.svc.cluster.local 30 SRV 0 50 80 web.default.svc.cluster.local',
      'web.default.svc.cluster.local 30 SRV 0 50 9100 web.default.svc.cluster.local',
    ],
    glue: ['web.default.svc.cluster.local 30 A 10.96.0.20'],
  },
  {
    q: ['20.0.96.10.in-addr.arpa', 'PTR'],
    want: ['20.0.96.10.in-addr.arpa 30 PTR web.default.svc.cluster.local'],
  },
  {
    q: ['1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa', 'PTR'],
    want: [
      '1.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa 30 PTR dual.default.svc.cluster.local',
    ],
  },
  {
    q: ['db.default.svc.cluster.local', 'A'],
    want: [
      'db.default.svc.cluster.local 30 A 10.244.1.7',
      'db.default.svc.cluster.local 30 A 10.244.2.7',
    ],
  },
  {
    q: ['db-0.db.default.svc.cluster.local', 'A'],
    want: ['db-0.db.default.svc.cluster.local 30 A 10.244.1.7'],
  },
  {
    q: ['10-244-2-7.db.default.svc.cluster.local', 'A'],
    want: ['10-244-2-7.db.default.svc.cluster.local 30 A 10.244.2.7'],
  },
  {
    q: ['pair.shared.default.svc.cluster.local', 'A'],
    want: [
      'pair.shared.default.svc.cluster.local 30 A 10.244.1.9',
      'pair.shared.default.svc.cluster.local 30 A 10.244.2.9',
    ],
  },
  {
    q: ['fd00-10-244--0.six.default.svc.cluster.local', 'AAAA'],
    want: ['fd00-10-244--0.six.default.svc.cluster.local 30 AAAA fd00:10:244::'],
  },
  {
    q: ['_http._tcp.db.default.svc.cluster.local', 'SRV'],
    want: [
      '_http._tcp.db.default.svc.cluster.local 30 SRV 0 50 80 db-0.db.default.svc.cluster.local',
      '_http._tcp.db.default.svc.cluster.local 30 SRV 0 50 80 10-244-2-7.db.default.svc.cluster.local',
    ],
    glue: [
      'db-0.db.default.svc.cluster.local 30 A 10.244.1.7',
      '10-244-2-7.db.default.svc.cluster.local 30 A 10.244.2.7',
    ],
  },
  {
    q: ['7.1.244.10.in-addr.arpa', 'PTR'],
    want: ['7.1.244.10.in-addr.arpa 30 PTR db-0.db.default.svc.cluster.local'],
  },
  {
    q: ['ext.default.svc.cluster.local', 'A'],
    want: ['ext.default.svc.cluster.local 30 CNAME www.example.com'],
  },
  {
    q: ['ext.default.svc.cluster.local', 'CNAME'],
    want: ['ext.default.svc.cluster.local 30 CNAME www.example.com'],
  },
  {
    q: ['dns-version.cluster.local', 'TXT'],
    want: ['dns-version.cluster.local 28800 TXT "1.1.0"'],
  },
  {
    q: ['10-244-9-9.default.pod.cluster.local', 'A'],
    want: ['10-244-9-9.default.pod.cluster.local 30 A 10.244.9.9'],
  },
  {
    q: ['fd00--7.default.pod.cluster.local', 'AAAA'],
    want: ['fd00--7.default.pod.cluster.local 30 AAAA fd00::7'],
  },
  {
    q: ['cluster.local', 'SOA'],
    want: [
      'cluster.local 30 SOA ns.dns.cluster.local hostmaster.cluster.local 1700000000 7200 1800 86400 30',
    ],
  },
  {
    q: ['cluster.local', 'NS'],
    want: ['cluster.local 30 NS ns.dns.cluster.local'],
    glue: ['ns.dns.cluster.local 30 A 10.244.1.2'],
  },
  { q: ['ns.dns.cluster.local', 'A'], want: ['ns.dns.cluster.local 30 A 10.244.1.2'] },
  // The owner echoes the query's case; made names have the zone as the query spells it (CoreDNS handler_case_test.go).
  {
    q: ['WEB.default.svc.Cluster.LOCAL', 'A'],
    want: ['WEB.default.svc.Cluster.LOCAL 30 A 10.96.0.20'],
  },
  {
    q: ['_HTTP._TCP.Web.Default.svc.CLUSTER.local', 'SRV'],
    want: [
      '_HTTP._TCP.Web.Default.svc.CLUSTER.local 30 SRV 0 100 80 web.default.svc.CLUSTER.local',
    ],
    glue: ['web.default.svc.CLUSTER.local 30 A 10.96.0.20'],
  },
]

suite('answerCluster() answers', () => {
  for (const { q, want, glue = [] } of positive) {
    test(q.join(' '), () => {
      const answer = ask(...q)
      assert.deepEqual(answer?.answers.map(text), want)
      assert.deepEqual(answer?.additional.map(text), glue)
      assert.deepEqual(answer?.authority, [])
      assert.equal(answer?.rcode, 'NOERROR')
      assert.equal(answer?.authoritative, true)
    })
  }
})

const SOA =
  'cluster.local 30 SOA ns.dns.cluster.local hostmaster.cluster.local 1700000000 7200 1800 86400 30'

suite('answerCluster() has no such record', () => {
  const questions: readonly [string, keyof typeof TYPE][] = [
    ['web.default.svc.cluster.local', 'AAAA'],
    ['web.default.svc.cluster.local', 'TXT'],
    ['web.default.svc.cluster.local', 'ANY'],
    ['db.default.svc.cluster.local', 'AAAA'],
    ['six.default.svc.cluster.local', 'A'],
    ['six.default.svc.cluster.local', 'SRV'],
    ['db-0.db.default.svc.cluster.local', 'AAAA'],
    ['_http._tcp.web.default.svc.cluster.local', 'A'],
    ['_tcp.web.default.svc.cluster.local', 'A'],
    ['ext.default.svc.cluster.local', 'SRV'],
    ['10-244-9-9.default.pod.cluster.local', 'AAAA'],
    ['cluster.local', 'A'],
    ['svc.cluster.local', 'A'],
    ['pod.cluster.local', 'A'],
    ['default.svc.cluster.local', 'A'],
    ['empty.svc.cluster.local', 'SRV'],
    ['dns-version.cluster.local', 'A'],
  ]
  for (const [name, type] of questions) {
    test(`${name} ${type}: NODATA with SOA`, () => {
      const answer = ask(name, type)
      assert.equal(answer?.rcode, 'NOERROR')
      assert.deepEqual(answer?.answers, [])
      assert.deepEqual(answer?.authority.map(text), [SOA])
    })
  }
})

suite('answerCluster() has no such name', () => {
  const names = [
    'nope.default.svc.cluster.local',
    'web.nope.svc.cluster.local',
    'web.kube-system.svc.cluster.local',
    'nope.svc.cluster.local',
    'idle.default.svc.cluster.local',
    '10-244-3-8.idle.default.svc.cluster.local',
    '10-244-3-7.db.default.svc.cluster.local',
    'ext-ip.default.svc.cluster.local',
    'sub.ext.default.svc.cluster.local',
    '_nope._tcp.web.default.svc.cluster.local',
    '_http._udp.web.default.svc.cluster.local',
    // An unnamed port has no SRV name.
    '_._tcp.dual.default.svc.cluster.local',
    'a.b.c.web.default.svc.cluster.local',
    'web.default.cluster.local',
    'web.default.svc.svc.cluster.local',
    '10-244-9-9.nope.pod.cluster.local',
    'web.default.pod.cluster.local',
    'a.10-244-9-9.default.pod.cluster.local',
    'foo.cluster.local',
  ]
  for (const name of names) {
    test(`${name}: NXDOMAIN with SOA`, () => {
      const answer = ask(name, name.startsWith('_') ? 'SRV' : 'A')
      assert.equal(answer?.rcode, 'NXDOMAIN')
      assert.equal(answer?.authoritative, true)
      assert.deepEqual(answer?.authority.map(text), [SOA])
    })
  }
})

suite('answerCluster() leaves to others', () => {
  for (const name of [
    'example.com',
    'xcluster.local',
    'local',
    '1.0.0.127.in-addr.arpa',
    '7.3.244.10.in-addr.arpa',
    '96.10.in-addr.arpa',
  ]) {
    test(name, () => assert.equal(ask(name, 'PTR'), undefined))
  }
})
