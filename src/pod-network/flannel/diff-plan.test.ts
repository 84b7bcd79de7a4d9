import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import type { Link, LinkSpec, Route } from '#kernel/netlink/model.ts'
import { DEVICE_ALIAS, NO_PLAN, ROUTE_PROTOCOL } from './backend.ts'
import { type Change, diffPlan, type Observed } from './diff-plan.ts'
import { node1v4, peerLease } from './testing/own-node.ts'
import { createVXLAN, VXLAN_DEFAULTS } from './vxlan/plan-vxlan.ts'

const vxlan = createVXLAN(VXLAN_DEFAULTS)
const data = { 4: { VNI: 1, VtepMAC: '02:00:00:00:00:01' } }
const plan = vxlan.plan(node1v4, data, [peerLease(2)])
const stale = vxlan.plan(node1v4, data, [peerLease(3)])

const eth0: Link = { index: 2, name: 'eth0', mtuBytes: 1500, up: true }
const spec = plan.links[0] as Extract<LinkSpec, { kind: 'vxlan' }>
const device: Link = {
  index: 9,
  name: 'flannel.1',
  kind: 'vxlan',
  mtuBytes: 1450,
  mac: spec.mac!,
  up: true,
  alias: DEVICE_ALIAS,
  vxlan: { vni: 1, port: 8472, local: spec.local, deviceIndex: 2, learning: false },
}
const whole: Observed = { ...plan, links: [eth0, device] }
const nothing: Observed = {
  links: [eth0],
  addresses: [],
  neighbours: [],
  fdb: [],
  routes: [],
  sysctls: [],
}
const foreign: Route = {
  family: 4,
  destination: cidr('10.99.0.0/16'),
  gateway: ip('172.30.0.1'),
  device: 'eth0',
  protocol: 3,
}

function say(change: Change): string {
  switch (change.do) {
    case 'replace link':
    case 'set link':
      return `${change.do} ${change.link.name}`
    case 'delete link':
      return `${change.do} ${change.name}`
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
    case 'set sysctl':
      return `${change.do} ${change.sysctl.name}=${change.sysctl.value}`
  }
}

const everything = [
  'replace link flannel.1',
  'add address 10.244.1.0/32',
  'add neighbour 10.244.2.0',
  'add FDB entry 02:00:00:00:00:02 172.30.0.12',
  'add route 10.244.2.0/24',
]
const acceptRA = 'set sysctl net.ipv6.conf.flannel/1.accept_ra=0'

const differences: readonly {
  readonly name: string
  readonly observed: Observed
  readonly want: readonly string[]
}[] = [
  { name: 'nothing where nothing differs', observed: whole, want: [] },
  {
    name: 'all of it where there is no device',
    observed: nothing,
    want: [...everything, acceptRA],
  },
  {
    name: 'what is left of a node that is gone, after what is missing',
    observed: { ...whole, neighbours: stale.neighbours, fdb: stale.fdb, routes: stale.routes },
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
    observed: { ...whole, links: [eth0, { ...device, mtuBytes: 1500 }] },
    want: ['set link flannel.1'],
  },
  {
    name: 'routes too where the link was down',
    observed: { ...whole, links: [eth0, { ...device, up: false }] },
    want: ['set link flannel.1', 'add route 10.244.2.0/24'],
  },
  {
    name: 'all of it where the underlay device is a new one',
    observed: { ...whole, links: [{ ...eth0, index: 3 }, device] },
    want: everything,
  },
  {
    name: 'all of it where another kind of device has the name',
    observed: { ...whole, links: [eth0, { ...device, kind: 'bridge' }] },
    want: everything,
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
      addresses: [
        ...plan.addresses,
        { device: 'flannel.1', address: { address: ip('fe80::1'), prefixLength: 64 } },
      ],
      routes: [
        ...plan.routes,
        { family: 6, destination: cidr('fe80::/64'), device: 'flannel.1', protocol: 2 },
      ],
    },
    want: [],
  },
  {
    name: "not somebody else's routes, links and entries",
    observed: {
      ...whole,
      links: [
        ...whole.links,
        { index: 11, name: 'flannel.7', kind: 'vxlan', mtuBytes: 1450, up: true },
      ],
      routes: [...plan.routes, foreign],
      neighbours: [
        ...plan.neighbours,
        { device: 'eth0', ip: ip('172.30.0.1'), state: 'permanent' },
      ],
    },
    want: [],
  },
  {
    name: 'our own device that no plan has any more, and routes of ours on other devices',
    observed: {
      ...whole,
      links: [...whole.links, { ...device, name: 'flannel.7' }],
      routes: [...plan.routes, { ...foreign, protocol: ROUTE_PROTOCOL }],
    },
    want: ['delete route 10.99.0.0/16', 'delete link flannel.7'],
  },
  {
    name: 'a sysctl that somebody changed',
    observed: { ...whole, sysctls: plan.sysctls.map((it) => ({ ...it, value: '1' })) },
    want: [acceptRA],
  },
]

suite('diffPlan() finds', () => {
  for (const { name, observed, want } of differences) {
    test(name, () => assert.deepEqual(diffPlan(plan, observed).map(say), want))
  }

  test('everything of ours to be too much where nothing is planned', () =>
    assert.deepEqual(diffPlan({ ...NO_PLAN, mtuBytes: 1500 }, whole).map(say), [
      'delete link flannel.1',
    ]))
})
