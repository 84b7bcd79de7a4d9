import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { node1, node1v4, peerLease } from '../testing/own-node.ts'
import { planWords } from '../testing/plan-words.ts'
import { hostGateway } from './plan-host-gw.ts'

const peer = (n: number) => peerLease(n, { backendType: 'host-gw', data: {} })

suite('host-gw', () => {
  // pkg/backend/hostgw/hostgw.go: Dst the lease's subnet, Gw its public address, on the external interface
  test('routes by the other nodes, of both families', () => {
    const plan = hostGateway.plan(node1, {}, [peer(2)])
    assert.equal(
      planWords(plan),
      `ip route replace 10.244.2.0/24 via 172.30.0.12 dev eth0
ip route replace fd00:10:244:2::/64 via fd00:172:30::12 dev eth0`,
    )
    assert.equal(plan.mtuBytes, 1500)
  })

  test('refuses a node behind a router, and says why', () => {
    const far = { ...peer(3), publicIPs: { 4: ip('172.30.1.13') } }
    const { routes, refused } = hostGateway.plan(node1v4, {}, [far])
    assert.deepEqual(routes, [])
    assert.deepEqual(refused, [
      {
        node: 'node3',
        why: 'its address 172.30.1.13 is behind router 172.30.0.1, and host-gw needs all nodes on one link (vxlan with DirectRouting tunnels to such nodes only)',
      },
    ])
  })

  // facts/pod-network.md 3.2: flannel marshals no data as null
  test('tells nothing but that it is there', () =>
    assert.deepEqual(hostGateway.describe(node1, {}), { 4: null, 6: null }))

  test("refuses to be behind a NAT, in flannel's words", () => {
    const behind = { ...node1v4, publicIPs: { 4: ip('203.0.113.9') } }
    assert.throws(() => hostGateway.describe(behind, {}), {
      message:
        "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend",
    })
  })
})
