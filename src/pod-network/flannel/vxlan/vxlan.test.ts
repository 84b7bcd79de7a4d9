import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { diffVXLAN, type ObservedVXLAN, type VXLANChange } from './diff-vxlan.ts'
import { deviceMAC, planVXLAN, type VXLANPeer, type VXLANPlan } from './plan-vxlan.ts'

const self = {
  podCIDR: cidr('10.244.1.0/24'),
  nodeIP: ip('172.30.0.11'),
  underlay: { device: 'eth0', mtuBytes: 1500 },
  mac: mac('02:00:00:00:00:01'),
  vni: 1,
  port: 8472,
}
const peer = (n: number): VXLANPeer => ({
  nodeName: `node${n}`,
  podCIDR: cidr(`10.244.${n}.0/24`),
  nodeIP: ip(`172.30.0.${10 + n}`),
  mac: mac(`02:00:00:00:00:0${n}`),
})

/** In the words of ip(8) and bridge(8). */
function render({ link, address, neighbours, fdb, routes }: VXLANPlan): string {
  return [
    `ip link add ${link.name} address ${link.mac} mtu ${link.mtuBytes} type vxlan id ${link.vni} dev ${link.device} local ${link.local} dstport ${link.port} ${link.learning ? '' : 'nolearning'}`,
    `ip addr add ${formatCIDR(address.address)} dev ${address.device}`,
    ...neighbours.map(
      (it) => `ip neigh replace ${it.ip} lladdr ${it.mac} dev ${it.device} nud ${it.state}`,
    ),
    ...fdb.map(
      (it) => `bridge fdb replace ${it.mac} dev ${it.device} dst ${it.destination} self permanent`,
    ),
    ...routes.map(
      (it) =>
        `ip route replace ${formatCIDR(it.destination!)} via ${it.gateway} dev ${it.device} onlink`,
    ),
  ].join('\n')
}

// facts/pod-network.md 6.2, "Key commands"
const words = `ip link add flannel.1 address 02:00:00:00:00:01 mtu 1450 type vxlan id 1 dev eth0 local 172.30.0.11 dstport 8472 nolearning
ip addr add 10.244.1.0/32 dev flannel.1
ip neigh replace 10.244.2.0 lladdr 02:00:00:00:00:02 dev flannel.1 nud permanent
bridge fdb replace 02:00:00:00:00:02 dev flannel.1 dst 172.30.0.12 self permanent
ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink`

suite('planVXLAN()', () => {
  test('writes what flannel writes', () => assert.equal(render(planVXLAN(self, [peer(2)])), words))

  test('does not depend on the order of peers', () => {
    assert.deepEqual(planVXLAN(self, [peer(3), peer(2)]), planVXLAN(self, [peer(2), peer(3)]))
  })

  test('serves one of two nodes with the same subnet', () => {
    const twin = { ...peer(3), podCIDR: peer(2).podCIDR }
    const { routes, fdb } = planVXLAN(self, [twin, peer(2)])
    assert.equal(routes.length, 1)
    assert.equal(fdb[0]?.destination, '172.30.0.12')
  })

  test('a MAC of its own for each node, locally administered, for no group', () => {
    const macs = Array.from({ length: 100 }, (_, i) => deviceMAC(`node${i}`, 1))
    assert.equal(new Set(macs).size, 100)
    for (const each of macs) assert.equal(Number.parseInt(each.slice(0, 2), 16) & 3, 2)
  })
})

const plan = planVXLAN(self, [peer(2)])
const whole: ObservedVXLAN = {
  link: {
    index: 9,
    name: 'flannel.1',
    kind: 'vxlan',
    mtuBytes: 1450,
    mac: self.mac,
    up: true,
    vxlan: { vni: 1, port: 8472, local: self.nodeIP, deviceIndex: 2, learning: false },
  },
  underlayIndex: 2,
  addresses: [plan.address],
  neighbours: plan.neighbours,
  fdb: plan.fdb,
  routes: plan.routes,
}

function say(change: VXLANChange): string {
  switch (change.do) {
    case 'replace link':
    case 'set link':
      return change.do
    case 'add address':
    case 'delete address':
      return `${change.do} ${formatCIDR(change.address.address)}`
    case 'add neighbour':
    case 'delete neighbour':
      return `${change.do} ${change.neighbour.ip}`
    case 'add FDB entry':
    case 'delete FDB entry':
      return `${change.do} ${change.entry.mac} ${change.entry.destination}`
    case 'add route':
    case 'delete route':
      return `${change.do} ${change.route.destination && formatCIDR(change.route.destination)}`
  }
}

const stale = planVXLAN(self, [peer(3)])
const differences: readonly {
  readonly name: string
  readonly observed: ObservedVXLAN
  readonly want: readonly string[]
}[] = [
  { name: 'nothing where nothing differs', observed: whole, want: [] },
  {
    name: 'all of it where there is no device',
    observed: { underlayIndex: 2, addresses: [], neighbours: [], fdb: [], routes: [] },
    want: [
      'replace link',
      'add address 10.244.1.0/32',
      'add neighbour 10.244.2.0',
      'add FDB entry 02:00:00:00:00:02 172.30.0.12',
      'add route 10.244.2.0/24',
    ],
  },
  {
    name: 'what is left of a node that is gone, after what is missing',
    observed: {
      ...whole,
      neighbours: stale.neighbours,
      fdb: stale.fdb,
      routes: stale.routes,
    },
    want: [
      'add neighbour 10.244.2.0',
      'add FDB entry 02:00:00:00:00:02 172.30.0.12',
      'add route 10.244.2.0/24',
      'delete route 10.244.3.0/24',
      'delete FDB entry 02:00:00:00:00:03 172.30.0.13',
      'delete neighbour 10.244.3.0',
    ],
  },
  {
    name: 'the old MAC of a peer: its neighbour entry is replaced, its FDB entry is another one',
    observed: {
      ...whole,
      neighbours: plan.neighbours.map((it) => ({ ...it, mac: mac('02:00:00:00:00:99') })),
      fdb: plan.fdb.map((it) => ({ ...it, mac: mac('02:00:00:00:00:99') })),
    },
    want: [
      'add neighbour 10.244.2.0',
      'add FDB entry 02:00:00:00:00:02 172.30.0.12',
      'delete FDB entry 02:00:00:00:00:99 172.30.0.12',
    ],
  },
  {
    name: 'the link where its MTU differs',
    observed: { ...whole, link: { ...whole.link!, mtuBytes: 1500 } },
    want: ['set link'],
  },
  {
    name: 'routes too where the link was down',
    observed: { ...whole, link: { ...whole.link!, up: false } },
    want: ['set link', 'add route 10.244.2.0/24'],
  },
  {
    name: 'all of it where the underlay device is a new one',
    observed: { ...whole, underlayIndex: 3 },
    want: [
      'replace link',
      'add address 10.244.1.0/32',
      'add neighbour 10.244.2.0',
      'add FDB entry 02:00:00:00:00:02 172.30.0.12',
      'add route 10.244.2.0/24',
    ],
  },
  {
    name: "not the kernel's own entries",
    observed: {
      ...whole,
      neighbours: [
        ...plan.neighbours,
        { device: 'flannel.1', ip: ip('ff02::2'), state: 'noarp' },
        { device: 'flannel.1', ip: ip('10.244.9.9'), state: 'failed' },
      ],
    },
    want: [],
  },
]

suite('diffVXLAN() finds', () => {
  for (const { name, observed, want } of differences) {
    test(name, () => assert.deepEqual(diffVXLAN(plan, observed).map(say), want))
  }
})
