import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { Link } from '#kernel/netlink/model.ts'
import { chooseInterface, type InterfaceOptions, type SeenInterfaces } from './choose-interface.ts'
import { parseFlags } from './flags.ts'
import { parseSubnetEnv, renderSubnetEnv } from './subnet-env.ts'
import { node1 } from './testing/own-node.ts'

suite('parseFlags()', () => {
  // Go's package flag: one dash or two, values behind = or as the next word; flagutil: FLANNELD_ with underscores
  test('takes them as Go does', () =>
    assert.deepEqual(
      parseFlags(
        [
          '-iface=eth0',
          '--iface',
          'eth1',
          '--ip-masq',
          '-kube-subnet-mgr=false',
          '--healthz-port=8080',
        ],
        {},
      ),
      { iface: ['eth0', 'eth1'], 'ip-masq': true, 'kube-subnet-mgr': false, 'healthz-port': 8080 },
    ))

  test('takes the environment where the command line says nothing', () =>
    assert.deepEqual(
      parseFlags(['--etcd-prefix=/a'], {
        FLANNELD_ETCD_PREFIX: '/b',
        FLANNELD_IP_MASQ: 'true',
        PATH: '/',
      }),
      { 'etcd-prefix': '/a', 'ip-masq': true },
    ))

  test("takes flanneld's own that have no effect here", () =>
    assert.deepEqual(parseFlags(['-v=4', '--iptables-resync=5'], {}), {}))

  for (const { argv, why } of [
    { argv: ['--nope'], why: 'Cannot use "--nope": there is no such option' },
    { argv: ['eth0'], why: 'Cannot use "eth0": there is no such option' },
    { argv: ['--iface'], why: 'Cannot use --iface: it has no value' },
    { argv: ['--healthz-port=x'], why: 'Cannot use --healthz-port "x": it is no number' },
    { argv: ['--ip-masq=maybe'], why: 'Cannot use --ip-masq=maybe: it is neither true nor false' },
  ])
    test(`refuses ${argv}`, () =>
      assert.throws(() => parseFlags(argv, {}), { name: 'TypeError', message: why }))
})

// pkg/ipmatch/match.go and match_test.go of flannel
suite('chooseInterface()', () => {
  const link = (index: number, name: string): Link => ({ index, name, mtuBytes: 1500, up: true })
  const address = (device: string, text: string, prefixLength = 24) => ({
    device,
    address: { address: ip(text), prefixLength },
  })
  const seen: SeenInterfaces = {
    links: [link(1, 'lo'), link(2, 'eth0'), link(3, 'eth1'), link(4, 'wlan0')],
    addresses: [
      address('lo', '127.0.0.1', 8),
      address('eth0', '10.0.2.15'),
      address('eth0', 'fe80::1', 64),
      address('eth1', '172.30.0.11'),
      address('eth1', '172.30.0.12'),
      address('eth1', 'fd00:172:30::11', 64),
    ],
    routes: [
      { family: 4, gateway: ip('10.0.2.2'), device: 'eth0' },
      { family: 4, destination: cidr('172.30.0.0/24'), device: 'eth1' },
    ],
  }
  const choose = (options: Partial<InterfaceOptions>, families: object = { 4: true }) => {
    const { device, addresses } = chooseInterface(
      { iface: [], ifaceRegex: [], publicIPs: {}, ...options },
      families,
      seen,
    )
    return `${device} ${Object.values(addresses).join(' ')}`
  }
  const both = { 4: true, 6: true }
  const cases = [
    { name: 'the default route', options: {}, want: 'eth0 10.0.2.15' },
    {
      name: 'a public address',
      options: { publicIPs: { 4: ip('172.30.0.12') } },
      want: 'eth1 172.30.0.12',
    },
    {
      name: 'a public address of a NAT',
      options: { publicIPs: { 4: ip('203.0.113.9') } },
      want: 'eth0 10.0.2.15',
    },
    { name: 'a name', options: { iface: ['eth1'] }, want: 'eth1 172.30.0.11' },
    { name: 'an address', options: { iface: ['172.30.0.12'] }, want: 'eth1 172.30.0.12' },
    {
      name: 'the first that is there',
      options: { iface: ['eth7', 'eth1', 'eth0'] },
      want: 'eth1 172.30.0.11',
    },
    {
      name: 'names before patterns',
      options: { iface: ['eth1'], ifaceRegex: ['eth0'] },
      want: 'eth1 172.30.0.11',
    },
    {
      name: 'a pattern of addresses',
      options: { ifaceRegex: ['^172\\.30\\.0\\.12$'] },
      want: 'eth1 172.30.0.12',
    },
    { name: 'a pattern of names', options: { ifaceRegex: ['^eth1$'] }, want: 'eth1 172.30.0.11' },
    {
      name: 'the way to an address',
      options: { ifaceCanReach: '172.30.0.99' },
      want: 'eth1 172.30.0.11',
    },
    {
      name: 'both families',
      options: { iface: ['eth1'] },
      families: both,
      want: 'eth1 172.30.0.11 fd00:172:30::11',
    },
  ]
  for (const { name, options, families, want } of cases)
    test(name, () => assert.equal(choose(options, families), want))

  for (const { name, options, families, why } of [
    {
      name: 'none that matches',
      options: { iface: ['eth7'] },
      why: /^Failed to find interface to use/,
    },
    {
      name: 'one without an address',
      options: { iface: ['wlan0'] },
      why: /^failed to find IPv4 address for interface wlan0$/,
    },
    {
      name: 'one with a link-local address only',
      options: { iface: ['eth0'] },
      families: both,
      why: /failed to find IPv6 address/,
    },
    {
      name: 'a pattern that is none',
      options: { ifaceRegex: ['('] },
      why: /could not compile the IP address regex '\('/,
    },
  ])
    test(`refuses ${name}`, () => assert.throws(() => choose(options, families), { message: why }))
})

test('parseSubnetEnv() reads what renderSubnetEnv() wrote', () => {
  const { networks, subnets } = node1
  assert.deepEqual(
    parseSubnetEnv(renderSubnetEnv({ networks, subnets, mtuBytes: 1450, ipMasq: true })),
    subnets,
  )
  assert.deepEqual(parseSubnetEnv('FLANNEL_SUBNET=x\n'), {})
})
