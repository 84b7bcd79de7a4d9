import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { runInGuest } from './support/guest.ts'

const TESTS = 'src/service-network/proxy/ipvs/testing/all.guest.ts'

const withPrefix = (prefix: string, names: string) =>
  names.split(' ').map((name) => `${prefix}_${name}`)

/** What Services take of the kernel, in all modes. A rule of xt_physdev would load br_netfilter when it is too late to say what it shall do. */
const MODULES = [
  'br_netfilter',
  ...['ip_vs', 'ipt_REJECT', 'ip6t_REJECT', 'nf_conntrack_netlink', 'veth', 'bridge', 'dummy'],
  ...withPrefix('ip_vs', 'rr wrr lc wlc lblc lblcr sh dh sed nq mh'),
  ...withPrefix('ip_set', 'hash_ip hash_ipport hash_ipportip hash_ipportnet bitmap_port'),
  ...withPrefix('xt', 'set comment mark MASQUERADE conntrack addrtype physdev ipvs'),
  ...withPrefix('xt', 'tcpudp REDIRECT nat statistic nfacct'),
  ...withPrefix('nft', 'compat chain_nat ct masq nat redir reject_inet numgen fib_inet hash limit'),
]

// The promise: with --proxy ipvs Services work as in the other modes, by the kernel's virtual servers. This kernel may have none: Debian's has.
suite('In a guest whose kernel has IP_VS', () => {
  test('packets flow as in all modes, destinations drain, and the mode can be left and taken', () => {
    // In one process. Emulated, and beside other tests, it takes seconds to start one.
    const { status, output } = runInGuest(`bin/fairlead-node --test-force-exit ${TESTS}`, {
      modules: MODULES,
      timeoutSeconds: 590,
      env: { FAIRLEAD_TIME_FACTOR: '25', NO_COLOR: '1' },
    })
    assert.equal(status, 0, output)
    for (const name of [
      "the kernel takes each of kube-proxy's schedulers",
      'pod to ClusterIP',
      'ping of a ClusterIP',
      'spreads evenly over three endpoints',
      'a UDP client that keeps its port moves on when its endpoint is gone',
      'leaves for userspace and comes back',
    ])
      assert.ok(output.includes(`✔ ${name}`), output)
  })
})
