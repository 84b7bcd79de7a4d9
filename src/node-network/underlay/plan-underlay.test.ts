import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { planUnderlay } from './plan-underlay.ts'
import { renderUnderlay } from './render-underlay.ts'

const options = {
  subnets: [[cidr('172.30.0.0/24')]],
  controlPlane: [ip('172.30.0.2')],
  outside: [ip('172.30.0.254')],
  nodes: [{ name: 'node1', ips: [ip('172.30.0.11')] }],
}

// Words of ip(8) and sysctl(8); addresses of design.md, "Address plan"; sysctls of facts/kernel.md section 5.
const lan = `ip netns add lan
sysctl -w net.ipv4.conf.all.rp_filter=0
sysctl -w net.ipv4.conf.default.rp_filter=0
sysctl -w net.ipv6.conf.all.accept_dad=0
sysctl -w net.ipv6.conf.default.accept_dad=0
sysctl -w net.ipv6.conf.default.dad_transmits=0
sysctl -w net.bridge.bridge-nf-call-iptables=0
sysctl -w net.bridge.bridge-nf-call-ip6tables=0
sysctl -w net.bridge.bridge-nf-call-arptables=0
ip link add br0 address 02:fa:00:00:00:01 mtu 1500 up type bridge`

/** The README's example, which so stays true. */
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const node1 = /```sh\n([^`]+)\n```/.exec(readme)?.[1]

suite('planUnderlay()', () => {
  const { namespaces } = planUnderlay(options)

  test('makes a switch, the control plane, the nodes and a client, in this order', () => {
    assert.deepEqual(
      namespaces.map(({ name }) => name),
      ['lan', 'control-plane', 'node1', 'outside'],
    )
  })

  test('plans the switch', () => assert.equal(renderUnderlay(namespaces[0]!), lan))

  test('plans a node', () => assert.equal(renderUnderlay(namespaces[2]!), node1))

  test('lets the control plane refuse what leads elsewhere, at once', () => {
    const words = renderUnderlay(namespaces[1]!).split('\n')
    for (const line of [
      'ip route add unreachable default',
      'sysctl -w net.ipv4.ip_forward=1',
      'sysctl -w net.ipv4.icmp_ratelimit=0',
      '    fib daddr type unicast reject with icmp type host-prohibited',
    ]) {
      assert.ok(words.includes(line), line)
    }
  })

  test('gives the client no route and no forwarding', () => {
    const words = renderUnderlay(namespaces[3]!)
    assert.doesNotMatch(words, /route|ip_forward/)
    assert.match(words, /^ip address add 172\.30\.0\.254\/24 dev eth0$/m)
  })

  test('joins two subnets by a router, in both families', () => {
    const { namespaces } = planUnderlay({
      subnets: [
        [cidr('172.30.0.0/24'), cidr('fd00:172:30::/64')],
        [cidr('172.30.1.0/24'), cidr('fd00:172:30:1::/64')],
      ],
      controlPlane: [ip('172.30.0.2'), ip('fd00:172:30::2')],
      outside: [ip('172.30.0.254'), ip('fd00:172:30::254')],
      nodes: [{ name: 'node2', ips: [ip('172.30.1.12'), ip('fd00:172:30:1::12')] }],
    })
    const words = (name: string) =>
      renderUnderlay(namespaces.find((one) => one.name === name)!)
        .split('\n')
        .filter((line) => /^ip (link|address|route)|forward/.test(line))
    assert.deepEqual(words('router'), [
      'sysctl -w net.ipv4.ip_forward=1',
      'sysctl -w net.ipv6.conf.all.forwarding=1',
      'ip link add router-0 mtu 1500 master br0 netns lan up type veth peer name eth0 address 02:fa:ac:1e:00:01',
      'ip link add router-1 mtu 1500 master br1 netns lan up type veth peer name eth1 address 02:fa:ac:1e:01:01',
      'ip address add 172.30.0.1/24 dev eth0',
      'ip address add fd00:172:30::1/64 dev eth0',
      'ip address add 172.30.1.1/24 dev eth1',
      'ip address add fd00:172:30:1::1/64 dev eth1',
      'ip route add default via 172.30.0.2 dev eth0',
      'ip route add ::/0 via fd00:172:30::2 dev eth0',
    ])
    assert.deepEqual(words('node2').slice(2), [
      'ip link add node2 mtu 1500 master br1 netns lan up type veth peer name eth0 address 02:fa:ac:1e:01:0c',
      'ip address add 172.30.1.12/24 dev eth0',
      'ip address add fd00:172:30:1::12/64 dev eth0',
      'ip route add 172.30.0.0/24 via 172.30.1.1 dev eth0',
      'ip route add fd00:172:30::/64 via fd00:172:30:1::1 dev eth0',
      'ip route add default via 172.30.1.1 dev eth0',
      'ip route add ::/0 via fd00:172:30:1::1 dev eth0',
    ])
    assert.deepEqual(words('outside').slice(-2), [
      'ip route add 172.30.1.0/24 via 172.30.0.1 dev eth0',
      'ip route add fd00:172:30:1::/64 via fd00:172:30::1 dev eth0',
    ])
  })

  test('refuses a host that is in no subnet', () => {
    const nodes = [{ name: 'node1', ips: [ip('172.31.0.11')] }]
    assert.throws(() => planUnderlay({ ...options, nodes }), /is in no subnet/)
  })

  const bad = [
    { name: 'a name longer than a link may have', node: 'node-with-long-name' },
    { name: 'a name of our own', node: 'outside' },
    { name: "the bridge's name", node: 'br0' },
    { name: 'a name that leads out of the folder', node: '../x' },
    { name: 'no name', node: '' },
  ]
  for (const { name, node } of bad) {
    test(`refuses ${name}`, () => {
      const nodes = [{ name: node, ips: [ip('172.30.0.11')] }]
      assert.throws(() => planUnderlay({ ...options, nodes }), /^RangeError: Cannot name a host/)
    })
  }
})
