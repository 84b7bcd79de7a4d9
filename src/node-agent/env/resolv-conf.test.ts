import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PodSpec } from '#api/core.ts'
import { formatHostNetworkHostsFile, formatHostsFile, hostNameOf } from './hosts-file.ts'
import { formatResolvConf, parseResolvConf, resolvConfFor } from './resolv-conf.ts'

const settings = {
  clusterDNS: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  node: { nameservers: ['172.30.0.2'], searches: ['corp.example'], options: ['timeout:2'] },
}
const CLUSTER =
  'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n'
const NODE = 'search corp.example\nnameserver 172.30.0.2\noptions timeout:2\n'

// Policies and limits: facts/dns.md 2.4; order of lines: containerd's parseDNSOptions.
suite('resolvConfFor() with', () => {
  const cases: readonly { name: string; spec: Partial<PodSpec>; want: string }[] = [
    { name: 'the default policy', spec: {}, want: CLUSTER },
    {
      name: 'ClusterFirst on the node network',
      spec: { dnsPolicy: 'ClusterFirst', hostNetwork: true },
      want: NODE,
    },
    {
      name: 'ClusterFirstWithHostNet',
      spec: { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true },
      want: CLUSTER,
    },
    { name: 'Default', spec: { dnsPolicy: 'Default' }, want: NODE },
    {
      name: 'None',
      spec: {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['192.0.2.1'],
          searches: ['a.b'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      },
      want: 'search a.b\nnameserver 192.0.2.1\noptions ndots:2 edns0\n',
    },
    {
      name: 'dnsConfig, which overrides options and repeats nothing',
      spec: {
        dnsConfig: {
          nameservers: ['10.96.0.10', '192.0.2.1'],
          searches: ['cluster.local', 'x.y'],
          options: [{ name: 'ndots', value: '1' }],
        },
      },
      want: 'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example x.y\nnameserver 10.96.0.10\nnameserver 192.0.2.1\noptions ndots:1\n',
    },
    {
      name: 'more nameservers than resolvers take',
      spec: {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'] },
      },
      want: 'nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n',
    },
  ]
  for (const { name, spec, want } of cases)
    test(name, () => assert.equal(formatResolvConf(resolvConfFor(spec, 'shop', settings)), want))

  test('search paths of more than 2048 characters, or more than 32', () => {
    const long = Array.from(
      { length: 20 },
      (_, i) => `${String(i).padStart(3, '0')}${'x'.repeat(200)}`,
    )
    const many = Array.from({ length: 40 }, (_, i) => `s${i}`)
    const searchesOf = (searches: readonly string[]) =>
      resolvConfFor({ dnsPolicy: 'None', dnsConfig: { searches } }, 'shop', settings).searches
    assert.equal(searchesOf(long).length, 10) // 10 x 203 + 9 spaces = 2039
    assert.equal(searchesOf(many).length, 32)
  })
})

test('parseResolvConf() reads as resolv.conf(5) says', () => {
  const text =
    '# comment\nnameserver 1.1.1.1\nnameserver 9.9.9.9 ; second\nsearch a b\nsearch c. d\noptions ndots:2\noptions rotate\n'
  assert.deepEqual(parseResolvConf(text), {
    nameservers: ['1.1.1.1', '9.9.9.9'],
    searches: ['c', 'd'],
    options: ['rotate'],
  })
})

// kubernetes pkg/kubelet/kubelet_pods.go managedHostsFileContent; aliases: hostsEntriesFromHostAliases.
suite('the hosts file', () => {
  const base =
    '# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n'
  test('of a pod', () =>
    assert.equal(
      formatHostsFile(['10.244.1.7'], { hostname: 'web' }, undefined),
      `${base}10.244.1.7\tweb\n`,
    ))
  test('with a domain, two addresses and aliases', () =>
    assert.equal(
      formatHostsFile(
        ['10.244.1.7', 'fd00::7'],
        { hostname: 'web', domain: 'sub.shop.svc.cluster.local' },
        [{ ip: '192.0.2.9', hostnames: ['a', 'b'] }],
      ),
      `${base}10.244.1.7\tweb.sub.shop.svc.cluster.local\tweb\nfd00::7\tweb.sub.shop.svc.cluster.local\tweb\n\n# Entries added by HostAliases.\n192.0.2.9\ta\tb\n`,
    ))
  test("on the node's network", () =>
    assert.equal(
      formatHostNetworkHostsFile('127.0.0.1 localhost\n', undefined),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n',
    ))
  test('hostNameOf() cuts a long name to 63 characters that end well', () => {
    const pod = {
      metadata: { name: `${'a'.repeat(62)}-b`, namespace: 'shop' },
      spec: { containers: [] },
    }
    assert.deepEqual(hostNameOf(pod, 'cluster.local'), { hostname: 'a'.repeat(62) })
  })
})
