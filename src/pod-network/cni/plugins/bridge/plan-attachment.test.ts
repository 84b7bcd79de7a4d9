import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type CIDR, cidr, formatCIDR, parseInterfaceAddress } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { Route } from '#kernel/netlink/model.ts'
import { EMPTY_RESULT } from '../../protocol/result.ts'
import { hostVethName } from '../pod-interface/veth.ts'
import type { BridgeConfig } from './config.ts'
import { planAttachment, planGatewayAddresses } from './plan-attachment.ts'
import { planVLANs } from './plan-vlans.ts'

const config: BridgeConfig = {
  bridge: 'cni0',
  isGateway: true,
  isDefaultGateway: true,
  forceAddress: false,
  ipMasq: false,
  hairpinMode: false,
  promiscMode: false,
  vlan: 0,
  preserveDefaultVlan: false,
  macspoofchk: false,
  enabledad: false,
  disableContainerInterface: false,
  portIsolation: false,
  hostPrefix: true,
  mtuBytes: 1450,
}
const attachment = { containerID: 'c1', ifname: 'eth0' }
const lease = { address: parseInterfaceAddress('10.244.1.7/24')!, gateway: ip('10.244.1.1') }
const ipam = { ...EMPTY_RESULT, ips: [lease] }

/** In the words of ip(8). */
function renderPod({ pod, gateway }: ReturnType<typeof planAttachment>): string {
  const route = ({ destination, gateway, onlink }: Route) =>
    `${destination ? formatCIDR(destination) : 'default'}${gateway ? ` via ${gateway}` : ''}${onlink ? ' onlink' : ''}`
  return [
    `bridge ${gateway.addresses.map(formatCIDR).join(' ')}`,
    `pod ${pod.addresses.map(formatCIDR).join(' ')}`,
    ...pod.routes.map(route),
  ].join('; ')
}

const cases = [
  {
    name: 'our default: a /32 whose every packet goes to the node',
    config,
    ipam,
    want: 'bridge 10.244.1.1/24; pod 10.244.1.7/32; default via 10.244.1.1 onlink',
  },
  {
    name: 'the reference: neighbours on layer 2',
    config: { ...config, hostPrefix: false },
    ipam,
    want: 'bridge 10.244.1.1/24; pod 10.244.1.7/24; default via 10.244.1.1',
  },
  {
    name: 'a /32 without a default route: the subnet at least',
    config: { ...config, isDefaultGateway: false },
    ipam,
    want: 'bridge 10.244.1.1/24; pod 10.244.1.7/32; 10.244.1.0/24 via 10.244.1.1 onlink',
  },
  {
    name: 'a gateway that IPAM does not name: the first address',
    config: { ...config, hostPrefix: false },
    ipam: { ...ipam, ips: [{ address: lease.address }] },
    want: 'bridge 10.244.1.1/24; pod 10.244.1.7/24; default via 10.244.1.1',
  },
  {
    name: 'a default route that IPAM names without a gateway, once (facts/pod-network.md 1.3, last lines)',
    config: { ...config, hostPrefix: false },
    ipam: { ...ipam, routes: [{ destination: cidr('0.0.0.0/0') }] },
    want: 'bridge 10.244.1.1/24; pod 10.244.1.7/24; default via 10.244.1.1',
  },
  {
    name: 'a default route of IPAM by its own gateway',
    config: { ...config, hostPrefix: false },
    ipam: { ...ipam, routes: [{ destination: cidr('0.0.0.0/0'), gateway: ip('10.244.1.9') }] },
    want: 'bridge 10.244.1.1/24; pod 10.244.1.7/24; default via 10.244.1.9',
  },
  {
    name: 'no gateway',
    config: { ...config, hostPrefix: false, isGateway: false, isDefaultGateway: false },
    ipam,
    want: 'bridge ; pod 10.244.1.7/24',
  },
]

suite('planAttachment() plans', () => {
  for (const { name, config, ipam, want } of cases) {
    test(name, () => assert.equal(renderPod(planAttachment(config, attachment, ipam)), want))
  }

  test('the same MAC for the same address, and another for another', () => {
    assert.equal(planAttachment(config, attachment, ipam).pod.mac, '0a:58:0a:f4:01:07')
    assert.equal(planAttachment(config, attachment, ipam).bridge.mac, '0a:58:0a:f4:01:01')
  })

  test('a name of the port that fits a link and belongs to the attachment', () => {
    const names = ['eth0', 'eth1'].map((ifname) => hostVethName({ containerID: 'c1', ifname }))
    for (const name of names) assert.match(name, /^veth[0-9a-f]{11}$/)
    assert.notEqual(names[0], names[1])
  })
})

suite('planVLANs()', () => {
  const none = { vlan: 0, preserveDefaultVlan: false }
  const native = { pvid: true, untagged: true }
  // plugins/main/bridge/bridge.go, setupVeth().
  const cases = [
    { name: 'no VLANs', options: none, want: undefined },
    {
      name: 'one VLAN, untagged in the pod',
      options: { ...none, vlan: 100 },
      want: { removeDefault: true, add: [{ vid: 100, ...native }] },
    },
    {
      name: 'a trunk, whose native VLAN is 1',
      options: { ...none, vlanTrunk: [101, 200] },
      want: { removeDefault: true, add: [{ vid: 101 }, { vid: 200 }, { vid: 1, ...native }] },
    },
    {
      name: 'a trunk with a native VLAN, and the default kept',
      options: { vlan: 100, vlanTrunk: [101], preserveDefaultVlan: true },
      want: { removeDefault: false, add: [{ vid: 100, ...native }, { vid: 101 }] },
    },
    {
      name: 'an empty trunk: filtering only',
      options: { ...none, vlanTrunk: [] },
      want: { removeDefault: false, add: [] },
    },
  ]
  for (const { name, options, want } of cases) {
    test(name, () => assert.deepEqual(planVLANs(options), want))
  }

  test('the gateway is a port in the VLAN', () => {
    const plan = planAttachment({ ...config, vlan: 100 }, attachment, ipam)
    assert.equal(plan.gateway.device, 'cni0.100')
  })
})

suite('planGatewayAddresses()', () => {
  const bridge = { device: 'cni0', addresses: [parseInterfaceAddress('10.244.1.1/24')!] }
  const held = (text: string): CIDR[] => [parseInterfaceAddress(text)!]

  test('adds what is missing, and nothing twice', () => {
    assert.deepEqual(planGatewayAddresses(bridge, [], config), {
      add: bridge.addresses,
      remove: [],
    })
    const nothing = { add: [], remove: [] }
    assert.deepEqual(planGatewayAddresses(bridge, held('10.244.1.1/24'), config), nothing)
  })

  test('refuses to be a second address, unless forced', () => {
    assert.throws(
      () => planGatewayAddresses(bridge, held('10.244.9.1/24'), config),
      /^CNIError: "cni0" already has an IP address different from 10\.244\.1\.1\/24$/,
    )
    const forced = planGatewayAddresses(bridge, held('10.244.9.1/24'), { forceAddress: true })
    assert.deepEqual(forced.remove, held('10.244.9.1/24'))
  })
})
