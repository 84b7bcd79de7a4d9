import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readConfiguration } from './configuration.ts'
import { planConntrackSettings } from './conntrack-settings.ts'

const plan = (conntrack: object, cores: number) =>
  planConntrackSettings(readConfiguration({ conntrack }).configuration.conntrack, cores)

// Source: facts/services.md 1.1, "conntrack sysctls"; k8s.io/kube-proxy config/v1alpha1/types.go.
suite('planConntrackSettings()', () => {
  test('by default', () => {
    const settings = plan({}, 2)
    assert.deepEqual(settings, [
      { sysctl: 'net.netfilter.nf_conntrack_max', value: 131_072, atLeast: true },
      { sysctl: 'net.netfilter.nf_conntrack_tcp_timeout_established', value: 86_400 },
      { sysctl: 'net.netfilter.nf_conntrack_tcp_timeout_close_wait', value: 3600 },
    ])
  })

  test('on many cores', () => assert.equal(plan({}, 64)[0]?.value, 64 * 32_768))

  test('leaves the limit alone at 0 a core, whatever the minimum', () =>
    assert.deepEqual(
      plan({ maxPerCore: 0, min: 9, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' }, 2),
      [],
    ))

  test('sets the rest where it is asked for', () =>
    assert.deepEqual(
      plan({ tcpBeLiberal: true, udpTimeout: '30s', udpStreamTimeout: '5m' }, 2).slice(3),
      [
        { sysctl: 'net.netfilter.nf_conntrack_tcp_be_liberal', value: 1 },
        { sysctl: 'net.netfilter.nf_conntrack_udp_timeout', value: 30 },
        { sysctl: 'net.netfilter.nf_conntrack_udp_timeout_stream', value: 300 },
      ],
    ))
})
