import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { deleteNetns, type Netns, openNetns } from '#kernel/netns/netns.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { applyUnderlay } from './apply-underlay.ts'
import { planUnderlay } from './plan-underlay.ts'

const flat = planUnderlay({
  subnets: [[cidr('172.30.0.0/24')]],
  controlPlane: [ip('172.30.0.2')],
  outside: [ip('172.30.0.254')],
  nodes: [1, 2, 3].map((n) => ({ name: `node${n}`, ips: [ip(`172.30.0.${10 + n}`)] })),
})

const routed = planUnderlay({
  subnets: [
    [cidr('172.30.0.0/24'), cidr('fd00:172:30::/64')],
    [cidr('172.30.1.0/24'), cidr('fd00:172:30:1::/64')],
  ],
  controlPlane: [ip('172.30.0.2'), ip('fd00:172:30::2')],
  outside: [ip('172.30.0.254'), ip('fd00:172:30::254')],
  nodes: [
    { name: 'node1', ips: [ip('172.30.0.11'), ip('fd00:172:30::11')] },
    { name: 'node2', ips: [ip('172.30.1.12'), ip('fd00:172:30:1::12')] },
  ],
})

/** A lab with the underlay in its folder; both go together. */
function createUnderlay(plan = flat) {
  const stack = new DisposableStack()
  const lab = stack.use(createLab())
  stack.defer(() => {
    for (const { name } of plan.namespaces) deleteNetns(join(lab.folder, name))
  })
  const apply = () => applyUnderlay(plan, { netnsDir: lab.folder })
  const inside = (name: string) => stack.use(openNetns(join(lab.folder, name)))
  return { lab, apply, inside, [Symbol.dispose]: () => stack.dispose() }
}

function ping(lab: Lab, from: Netns, to: string) {
  return lab.exec(from, ['ping', '-c1', '-W10', to])
}

/** Segments that were sent again since the namespace was made (RFC 4022): by ICMP alone, the second SYN hears, after a second. */
function retransmissions(lab: Lab, netns: Netns): number {
  const [names, values] = lab
    .exec(netns, ['cat', '/proc/net/snmp'])
    .stdout.split('\n')
    .filter((line) => line.startsWith('Tcp: '))
    .map((line) => line.split(' '))
  return Number(values![names!.indexOf('RetransSegs')])
}

suite('applyUnderlay()', () => {
  test('lets every host reach every other, in one hop', () => {
    using underlay = createUnderlay()
    assert.deepEqual(
      underlay.apply(),
      ['lan', 'control-plane', 'node1', 'node2', 'node3', 'outside'].map((it) => `namespace ${it}`),
    )
    for (const [from, to] of [
      ['node1', '172.30.0.13'],
      ['node2', '172.30.0.2'],
      ['outside', '172.30.0.11'],
      ['control-plane', '172.30.0.254'],
    ] as const) {
      const { status, stdout } = ping(underlay.lab, underlay.inside(from), to)
      assert.equal(status, 0, `${from} → ${to}: ${stdout}`)
      assert.match(stdout, /ttl=64/)
    }
  })

  test('refuses at once what leads out of the cluster, and says so each time', () => {
    using underlay = createUnderlay()
    underlay.apply()
    const { stdout, status } = underlay.lab.exec(underlay.inside('node1'), [
      ...['ping', '-c12', '-i0.002', '-W2', '203.0.113.9'],
    ])
    assert.equal(status, 1)
    assert.match(stdout, /From 172\.30\.0\.2 icmp_seq=1 Destination Host Prohibited/)
    // 12 of 12: the kernel's own limits would answer five (or, by icmp_ratelimit, seven).
    assert.match(stdout, /\+12 errors/)
  })

  test('refuses a TCP connection out of the cluster at once', () => {
    using underlay = createUnderlay()
    underlay.apply()
    const node = underlay.inside('node1')
    const { stderr } = underlay.lab.exec(node, [
      ...['timeout', '30', 'bash', '-c', 'exec 3<>/dev/tcp/203.0.113.9/80'],
    ])
    assert.match(stderr, /Connection refused/)
    assert.equal(retransmissions(underlay.lab, node), 0)
  })

  test('refuses a datagram out of the cluster, and its socket hears of it', () => {
    using underlay = createUnderlay()
    underlay.apply()
    const script = `const s = require('node:dgram').createSocket('udp4')
      s.on('error', (error) => { console.log(error.code); process.exit() })
      s.connect(53, '203.0.113.9', () => s.send('x'))`
    const { stdout } = underlay.lab.exec(underlay.inside('node1'), [
      ...['timeout', '30', process.execPath, '-e', script],
    ])
    assert.equal(stdout.trim(), 'EHOSTUNREACH')
  })

  test('gives the client a route to the node network only', () => {
    using underlay = createUnderlay()
    underlay.apply()
    const { stderr } = ping(underlay.lab, underlay.inside('outside'), '10.96.0.1')
    assert.match(stderr, /Network is unreachable/)
  })

  test('does nothing on a whole underlay', () => {
    using underlay = createUnderlay()
    underlay.apply()
    assert.deepEqual(underlay.apply(), [])
  })

  const crossings = [
    { name: 'a neighbour', from: 'node1', to: '172.30.0.254', ttl: 64 },
    { name: 'a neighbour, IPv6', from: 'node1', to: 'fd00:172:30::254', ttl: 64 },
    { name: 'a node behind the router', from: 'node1', to: '172.30.1.12', ttl: 63 },
    { name: 'a node behind the router, IPv6', from: 'node1', to: 'fd00:172:30:1::12', ttl: 63 },
    { name: 'the control plane from behind it', from: 'node2', to: '172.30.0.2', ttl: 63 },
    {
      name: 'the control plane from behind it, IPv6',
      from: 'node2',
      to: 'fd00:172:30::2',
      ttl: 63,
    },
    { name: 'a node behind it from outside', from: 'outside', to: '172.30.1.12', ttl: 63 },
    {
      name: 'a node behind it from outside, IPv6',
      from: 'outside',
      to: 'fd00:172:30:1::12',
      ttl: 63,
    },
  ]
  test('joins two subnets in both families, at the first try', () => {
    using underlay = createUnderlay(routed)
    underlay.apply()
    for (const { name, from, to, ttl } of crossings) {
      const { stdout } = ping(underlay.lab, underlay.inside(from), to)
      assert.match(stdout, new RegExp(`ttl=${ttl}`), `${name}: ${stdout}`)
    }
    assert.deepEqual(underlay.apply(), [])
  })

  const elsewhere = [
    { name: 'TCP', address: '203.0.113.9', said: /Connection refused/ },
    { name: 'TCP over IPv6', address: '2001:db8::9', said: /Connection refused/ },
  ]
  test('refuses at once in both families, behind the router too', () => {
    using underlay = createUnderlay(routed)
    underlay.apply()
    for (const { name, address, said } of elsewhere) {
      for (const node of ['node1', 'node2']) {
        const from = underlay.inside(node)
        const { stderr } = underlay.lab.exec(from, [
          ...['timeout', '30', 'bash', '-c', `exec 3<>/dev/tcp/${address}/80`],
        ])
        assert.match(stderr, said, `${name} from ${node}`)
        assert.equal(retransmissions(underlay.lab, from), 0, `${name} from ${node}`)
      }
    }
    const { stdout } = underlay.lab.exec(underlay.inside('node2'), [
      ...['ping', '-c12', '-i0.002', '-W2', '2001:db8::9'],
    ])
    assert.match(stdout, /From fd00:172:30::2 icmp_seq=1 Destination unreachable: Administratively/)
    assert.match(stdout, /\+12 errors/)
  })

  test("repairs the router's legs", () => {
    using underlay = createUnderlay(routed)
    underlay.apply()
    underlay.lab.rtnetlink(underlay.inside('router')).deleteLink('eth1')
    assert.deepEqual(underlay.apply(), [
      'cable eth1 of router (router)',
      'address 172.30.1.1/24 (router)',
      'address fd00:172:30:1::1/64 (router)',
    ])
    assert.equal(ping(underlay.lab, underlay.inside('node1'), 'fd00:172:30:1::12').status, 0)
  })

  const damages = [
    {
      name: 'a namespace',
      break: ({ lab }: Underlay) => void deleteNetns(join(lab.folder, 'node2')),
      made: ['namespace node2'],
    },
    {
      name: "a node's end of its cable",
      break: ({ lab, inside }: Underlay) => void lab.rtnetlink(inside('node2')).deleteLink('eth0'),
      made: [
        'cable eth0 of node2 (node2)',
        'address 172.30.0.12/24 (node2)',
        'default route (node2)',
        'sysctl net.ipv4.neigh.eth0.proxy_delay (node2)',
      ],
    },
    {
      name: 'a bridge port that was pulled',
      break: ({ lab, inside }: Underlay) =>
        lab.rtnetlink(inside('lan')).setLink('node2', { noMaster: true }),
      made: ['bridge port node2 (node2)'],
    },
    {
      name: 'a link that is down',
      break: ({ lab, inside }: Underlay) =>
        lab.rtnetlink(inside('node2')).setLink('eth0', { up: false }),
      // Routes go with the link.
      made: ['link eth0 up (node2)', 'default route (node2)'],
    },
    {
      name: 'an address',
      break: ({ lab, inside }: Underlay) =>
        void lab.rtnetlink(inside('node2')).deleteAddress({
          device: 'eth0',
          address: { address: ip('172.30.0.12'), prefixLength: 24 },
        }),
      made: ['address 172.30.0.12/24 (node2)', 'default route (node2)'],
    },
    {
      name: 'forwarding',
      break: ({ inside }: Underlay) => writeSysctl('net.ipv4.ip_forward', 0, inside('node2')),
      made: ['sysctl net.ipv4.ip_forward (node2)'],
    },
    {
      name: 'the switch',
      break: ({ lab }: Underlay) => void deleteNetns(join(lab.folder, 'lan')),
      made: undefined,
    },
  ]
  for (const { name, break: damage, made } of damages) {
    test(`repairs ${name}, and nothing else`, () => {
      using underlay = createUnderlay()
      underlay.apply()
      damage(underlay)
      const done = underlay.apply()
      if (made) assert.deepEqual(done, made)
      assert.equal(ping(underlay.lab, underlay.inside('node1'), '172.30.0.12').status, 0)
      assert.deepEqual(underlay.apply(), [])
    })
  }

  test('leaves what others made in a namespace', () => {
    using underlay = createUnderlay()
    underlay.apply()
    const rtnetlink = underlay.lab.rtnetlink(underlay.inside('node1'))
    rtnetlink.addLink({ kind: 'bridge', name: 'cni0', up: true })
    underlay.apply()
    assert.ok(rtnetlink.link('cni0'))
  })

  test('takes over a file without a namespace behind it', () => {
    using underlay = createUnderlay()
    underlay.lab.exec(underlay.lab.netns('elsewhere'), [
      ...['touch', join(underlay.lab.folder, 'node1')],
    ])
    underlay.apply()
    assert.ok(existsSync(join(underlay.lab.folder, 'node1')))
    assert.equal(ping(underlay.lab, underlay.inside('node1'), '172.30.0.12').status, 0)
  })

  test('sets what nodes need of the kernel', () => {
    using underlay = createUnderlay()
    underlay.apply()
    const node = underlay.inside('node1')
    for (const [name, value] of [
      ['net.ipv4.ip_forward', '1'],
      ['net.ipv4.conf.all.rp_filter', '0'],
      ['net.ipv4.conf.eth0.send_redirects', '0'],
      ['net.ipv6.conf.eth0.accept_dad', '0'],
      ['net.ipv4.neigh.eth0.proxy_delay', '0'],
    ] as const) {
      assert.equal(readSysctl(name, node), value, name)
    }
  })
})

type Underlay = ReturnType<typeof createUnderlay>
