import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { node1, node1v4, peerLease } from '../testing/own-node.ts'
import { planWords } from '../testing/plan-words.ts'
import { createVXLAN, VXLAN_DEFAULTS, type VXLANOptions } from './plan-vxlan.ts'

const own = {
  4: { VNI: 1, VtepMAC: '02:00:00:00:00:01' },
  6: { VNI: 1, VtepMAC: '02:00:00:00:06:01' },
}
const vxlan = createVXLAN(VXLAN_DEFAULTS)
const withOptions = (options: Partial<VXLANOptions>) =>
  createVXLAN({ ...VXLAN_DEFAULTS, ...options })

// facts/pod-network.md 6.2, "Key commands"
const v4 = `ip link add flannel.1 address 02:00:00:00:00:01 mtu 1450 type vxlan id 1 dev eth0 local 172.30.0.11 dstport 8472 nolearning
ip addr add 10.244.1.0/32 dev flannel.1
ip neigh replace 10.244.2.0 lladdr 02:00:00:00:00:02 dev flannel.1 nud permanent
bridge fdb replace 02:00:00:00:00:02 dev flannel.1 dst 172.30.0.12 self permanent
ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink`

// pkg/backend/vxlan/device.go of flannel: the same calls with the device flannel-v6.<VNI> and a /128. The MTU is 20 bytes less than
// flannel's, whose packets of full length do not fit into IPv6's longer header (RFC 8200 section 3: 40 bytes).
const dual = `ip link add flannel.1 address 02:00:00:00:00:01 mtu 1450 type vxlan id 1 dev eth0 local 172.30.0.11 dstport 8472 nolearning
ip link add flannel-v6.1 address 02:00:00:00:06:01 mtu 1430 type vxlan id 1 dev eth0 local fd00:172:30::11 dstport 8472 nolearning
ip addr add 10.244.1.0/32 dev flannel.1
ip addr add fd00:10:244:1::/128 dev flannel-v6.1
ip neigh replace 10.244.2.0 lladdr 02:00:00:00:00:02 dev flannel.1 nud permanent
ip neigh replace fd00:10:244:2:: lladdr 02:00:00:00:06:02 dev flannel-v6.1 nud permanent
bridge fdb replace 02:00:00:00:00:02 dev flannel.1 dst 172.30.0.12 self permanent
bridge fdb replace 02:00:00:00:06:02 dev flannel-v6.1 dst fd00:172:30::12 self permanent
ip route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
ip route replace fd00:10:244:2::/64 via fd00:10:244:2:: dev flannel-v6.1 onlink`

suite('vxlan', () => {
  test('writes what flannel writes', () =>
    assert.equal(planWords(vxlan.plan(node1v4, { 4: own[4] }, [peerLease(2)])), v4))

  test('has a device a family', () => {
    const plan = vxlan.plan(node1, own, [peerLease(2)])
    assert.equal(planWords(plan), dual)
    assert.equal(plan.mtuBytes, 1430)
  })

  test('of IPv6 alone has only that device', () => {
    const only6 = {
      ...node1,
      subnets: { 6: node1.subnets[6]! },
      networks: { 6: node1.networks[6]! },
    }
    const plan = vxlan.plan(only6, { 6: own[6] }, [peerLease(2)])
    assert.deepEqual(
      plan.links.map(({ name }) => name),
      ['flannel-v6.1'],
    )
    assert.equal(plan.routes.length, 1)
  })

  test('takes options: VNI, port, MTU of the underlay, GBP, learning', () => {
    const backend = withOptions({ vni: 7, port: 4789, mtuBytes: 9000, gbp: true, learning: true })
    const data = { 4: { VNI: 7, VtepMAC: '02:00:00:00:00:01' } }
    const [link] = backend.plan(node1v4, data, []).links
    assert.ok(link?.kind === 'vxlan')
    const { name, vni, port, mtuBytes, gbp, learning } = link
    // pkg/backend/vxlan/device.go: MTU of the option less 50
    assert.deepEqual(
      { name, vni, port, mtuBytes, gbp, learning },
      { name: 'flannel.7', vni: 7, port: 4789, mtuBytes: 8950, gbp: true, learning: true },
    )
  })

  test('DirectRouting: a plain route to nodes on the link, the tunnel to those behind a router', () => {
    const far = peerLease(3, { publicIPs: { 4: ip('172.30.1.13') } })
    const plan = withOptions({ directRouting: true }).plan(node1v4, { 4: own[4] }, [
      peerLease(2),
      far,
    ])
    assert.equal(
      planWords({ ...plan, links: [], addresses: [] }),
      `ip neigh replace 10.244.3.0 lladdr 02:00:00:00:00:03 dev flannel.1 nud permanent
bridge fdb replace 02:00:00:00:00:03 dev flannel.1 dst 172.30.1.13 self permanent
ip route replace 10.244.2.0/24 via 172.30.0.12 dev eth0
ip route replace 10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink`,
    )
  })

  test('describes itself as flannel does, and keeps the MAC that the others hold', () => {
    const kept = vxlan.describe(node1, { 4: own[4] })
    assert.deepEqual(kept[4], own[4])
    assert.match(JSON.stringify(kept[6]), /^{"VNI":1,"VtepMAC":"([0-9a-f]{2}:){5}[0-9a-f]{2}"}$/)
    assert.notDeepEqual(withOptions({ vni: 2 }).describe(node1, { 4: own[4] })[4], own[4])
    assert.deepEqual(Object.keys(vxlan.describe(node1v4, {})), ['4'])
  })

  test('a MAC of its own for each node, locally administered, for no group; MacPrefix begins it', () => {
    const macs = Array.from({ length: 100 }, (_, i) => {
      const data = vxlan.describe({ ...node1v4, name: `node${i}` }, {})[4]
      return (data as { VtepMAC: string }).VtepMAC
    })
    assert.equal(new Set(macs).size, 100)
    for (const each of macs) assert.equal(Number.parseInt(each.slice(0, 2), 16) & 3, 2)
    const prefixed = withOptions({ macPrefix: '0E-2A' }).describe(node1v4, {})[4]
    assert.match((prefixed as { VtepMAC: string }).VtepMAC, /^0e:2a:/)
  })

  const refusals = [
    {
      name: 'another VNI',
      peer: peerLease(2, { data: { 4: { VNI: 2, VtepMAC: '02:00:00:00:00:02' } } }),
      why: 'its VNI is 2, not 1',
    },
    {
      name: 'no address',
      peer: peerLease(2, { publicIPs: {} }),
      why: 'it tells no IPv4 address',
    },
    {
      name: 'the MAC of this node',
      peer: peerLease(2, { data: { 4: own[4] } }),
      why: 'its VtepMAC 02:00:00:00:00:01 is also that of this node',
    },
    ...[
      undefined,
      null,
      [],
      'x',
      { VNI: '1', VtepMAC: '02:00:00:00:00:02' },
      { VNI: 1, VtepMAC: 'x' },
      { VNI: 1, VtepMAC: '03:00:00:00:00:02' },
    ].map((data) => ({
      name: `data ${JSON.stringify(data)}`,
      peer: peerLease(2, { data: { 4: data } }),
      why: 'its backend-data is not {"VNI":…,"VtepMAC":…}',
    })),
  ]
  for (const { name, peer, why } of refusals) {
    test(`says why it cannot reach a node: ${name}`, () => {
      const plan = vxlan.plan(node1v4, { 4: own[4] }, [peer])
      assert.deepEqual(plan.refused, [{ node: 'node2', why }])
      assert.deepEqual([plan.routes, plan.fdb, plan.neighbours], [[], [], []])
    })
  }
})
