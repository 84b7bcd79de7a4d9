import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { checkOptions, completeOptions, defaults, diffOptions } from './options.ts'

suite('checkOptions()', () => {
  const cases = [
    { name: 'the defaults', options: {}, want: [] },
    { name: 'no node', options: { nodes: 0 }, want: [/--nodes 0: a cluster has 1 to 100 nodes/] },
    { name: 'a name that leads elsewhere', options: { name: '../x' }, want: [/--name \.\.\/x/] },
    { name: 'a name of 33 letters', options: { name: 'a'.repeat(33) }, want: [/1 to 32/] },
    {
      name: 'host bits',
      options: { podCIDR: '10.244.0.1/16' },
      want: [/--pod-cidr .* is not an IPv4 network/],
    },
    {
      name: 'overlap',
      options: { serviceCIDR: '10.244.1.0/24' },
      want: [/--pod-cidr .* overlaps with --service-cidr/],
    },
    {
      name: 'a second node subnet that is another network',
      options: {
        underlay: 'routed' as const,
        podCIDR: '172.30.0.0/16',
        nodeCIDR: '172.29.255.0/24',
      },
      want: [/the second node subnet, 172\.30\.0\.0\/24: it overlaps with --pod-cidr/],
    },
    {
      name: 'an option of another proxy mode',
      options: { iptablesLayout: 'classic' as const },
      want: [/--iptables-layout classic: it is an option of --proxy iptables/],
    },
    {
      name: 'the classic layout',
      options: { proxy: 'iptables' as const, iptablesLayout: 'classic' as const },
      want: [],
    },
    { name: 'dual', options: { ipFamily: 'dual' as const }, want: [] },
    { name: 'a backend', options: { backend: 'host-gw' as const }, want: [] },
    {
      name: 'routes by nodes that are no neighbours',
      options: { backend: 'host-gw' as const, underlay: 'routed' as const },
      want: [/--backend host-gw: with --underlay routed nodes are behind a router/],
    },
    {
      name: 'cloud without a router',
      options: { backend: 'cloud' as const },
      want: [
        /--backend cloud: its routes are the nodes' router's, and there is one with --underlay routed$/,
      ],
    },
    {
      name: 'direct routing by what has no tunnel',
      options: { backend: 'udp' as const, directRouting: true },
      want: [/--direct-routing: it is an option of --backend vxlan$/],
    },
    {
      name: 'external addresses without a proxy',
      options: { proxy: 'none' as const, allowExternalIPs: true },
      want: [/--allow-external-ips: with --proxy none there is no proxy$/],
    },
    {
      name: 'a backend that there is none of',
      options: { backend: 'gre' as 'udp' },
      want: [/--backend gre: it is one of vxlan, host-gw, udp, cloud$/],
    },
    {
      name: 'udp for IPv6',
      options: { backend: 'udp' as const, ipFamily: 'dual' as const },
      want: [/--backend udp: it carries IPv4 only/],
    },
    { name: 'IPv6 alone', options: { ipFamily: 'ipv6' as const }, want: [] },
    {
      name: 'one family for two',
      options: { ipFamily: 'dual' as const, podCIDR: '10.1.0.0/16' },
      want: [/--pod-cidr 10\.1\.0\.0\/16: it is not an IPv4 and an IPv6 network such as/],
    },
    {
      name: 'two families for one',
      options: { podCIDR: '10.1.0.0/16,fd00:1::/56' },
      want: [/it is not an IPv4 network such as/],
    },
    {
      name: 'one family twice',
      options: { ipFamily: 'dual' as const, podCIDR: '10.1.0.0/16,10.2.0.0/16' },
      want: [/it is not an IPv4 and an IPv6 network/],
    },
    // cidrset.NewCIDRSet() of kube-controller-manager: more than 16 bits are "node CIDR size is too big".
    {
      name: 'too many node subnets',
      options: { ipFamily: 'ipv6' as const, podCIDR: 'fd00:10::/40' },
      want: [/it has more than 65536 subnets of \/64/],
    },
    {
      name: 'too few node subnets',
      options: { nodes: 5, podCIDR: '10.244.0.0/22' },
      want: [/it has a \/24 for 4 nodes only/],
    },
    {
      name: 'a larger mask',
      options: { nodes: 5, podCIDR: '10.244.0.0/22', nodeMaskIPv4: 26 },
      want: [],
    },
    {
      name: 'a mask without room for pods',
      options: { nodeMaskIPv4: 30 },
      want: [/--node-cidr-mask-size-ipv4 30: a node's subnet is a/],
    },
    { name: 'a small node network', options: { nodeCIDR: '172.30.0.0/25' }, want: [/too small/] },
    {
      name: 'a nameserver that is a name',
      options: { dnsUpstream: ['dns.example'] },
      want: [/--dns-upstream dns\.example/],
    },
    {
      name: 'nameservers on two networks',
      options: { dnsUpstream: ['172.30.0.254', '192.0.2.1'] },
      want: [/some are on the node network/],
    },
  ]
  for (const { name, options, want } of cases) {
    test(name, () => {
      const problems = checkOptions(completeOptions(options))
      assert.equal(problems.length, want.length, problems.join('\n'))
      for (const [i, pattern] of want.entries()) assert.match(problems[i]!, pattern)
    })
  }
})

suite('diffOptions()', () => {
  test('looks only at what was asked for', () => {
    assert.deepEqual(diffOptions(defaults, {}), [])
    assert.deepEqual(diffOptions(defaults, { nodes: 3 }), [])
    assert.deepEqual(diffOptions(defaults, { nodes: 5 }), ['--nodes 3 (asked: 5)'])
    assert.deepEqual(diffOptions(defaults, { ipFamily: 'dual' }), [
      '--ip-family ipv4 (asked: dual)',
    ])
    assert.deepEqual(diffOptions(defaults, { apiPort: 7000 }), ['--api-port unset (asked: 7000)'])
  })
})
