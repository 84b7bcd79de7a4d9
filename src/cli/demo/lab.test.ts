import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseConntrack } from './lab.ts'

// `conntrack -L -p tcp` of conntrack-tools 1.4.7 in a scratch namespace, after `curl --local-port` to a python3 http.server on
// 10.244.1.3:8080 through the rules `ip daddr 10.96.0.20 tcp dport 80 dnat to 10.244.1.3:8080` (output) and
// `ip daddr 10.244.1.3 ip saddr 10.244.0.9 snat to 172.30.0.11` (postrouting).
const CAPTURED = {
  translated:
    'tcp      6 119 TIME_WAIT src=10.96.0.10 dst=10.96.0.20 sport=40002 dport=80 src=10.244.1.3 dst=10.96.0.10 sport=8080 dport=40002 [ASSURED] mark=0 use=1',
  direct:
    'tcp      6 119 TIME_WAIT src=10.96.0.10 dst=10.244.1.3 sport=40003 dport=8080 src=10.244.1.3 dst=10.96.0.10 sport=8080 dport=40003 [ASSURED] mark=0 use=1',
  masqueraded:
    'tcp      6 119 TIME_WAIT src=10.244.0.9 dst=10.96.0.20 sport=40001 dport=80 src=10.244.1.3 dst=172.30.0.11 sport=8080 dport=40001 [ASSURED] mark=0 use=1',
} as const

suite('parseConntrack()', () => {
  const cases = [
    {
      name: 'a connection that was translated',
      text: CAPTURED.translated,
      want: { asked: '10.96.0.20:80', endpoint: '10.244.1.3:8080' },
    },
    {
      name: 'one that was not',
      text: CAPTURED.direct,
      want: { asked: '10.244.1.3:8080', endpoint: '10.244.1.3:8080' },
    },
    {
      name: 'one that was masqueraded too',
      text: CAPTURED.masqueraded,
      want: { asked: '10.96.0.20:80', endpoint: '10.244.1.3:8080', masqueradedAs: '172.30.0.11' },
    },
    {
      name: 'the first of several',
      text: `${CAPTURED.translated}\n${CAPTURED.masqueraded}\n`,
      want: { asked: '10.96.0.20:80', endpoint: '10.244.1.3:8080' },
    },
    { name: 'none', text: '', want: undefined },
    { name: 'a line cut off', text: CAPTURED.translated.slice(0, 80), want: undefined },
  ]
  for (const { name, text, want } of cases) {
    test(name, () => assert.deepEqual(parseConntrack(text), want))
  }
})
