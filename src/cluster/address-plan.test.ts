import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { formatCIDR } from '#ip/cidr.ts'
import { isOnNodeNetwork, planAddresses } from './address-plan.ts'
import { type ClusterOptions, completeOptions } from './options.ts'

const planOf = (asked: Partial<ClusterOptions>) => planAddresses(completeOptions(asked))

// design.md, "Address plan"
suite('planAddresses()', () => {
  test('of IPv4', () => {
    const plan = planOf({})
    assert.deepEqual(plan.families, [4])
    assert.deepEqual(plan.controlPlane, ['172.30.0.2'])
    assert.deepEqual(
      plan.nodes,
      [11, 12, 13].map((host, i) => ({
        name: `node${i + 1}`,
        ip: `172.30.0.${host}`,
        ips: [`172.30.0.${host}`],
      })),
    )
    assert.deepEqual(plan.outside, ['172.30.0.254'])
    assert.equal(plan.kubernetesService, '10.96.0.1')
    assert.deepEqual(plan.dnsServices, ['10.96.0.10'])
    assert.deepEqual(plan.loadBalancerPools, [{ first: '172.30.0.200', last: '172.30.0.250' }])
  })

  test('of both families: the same digits', () => {
    const plan = planOf({ ipFamily: 'dual' })
    assert.deepEqual(plan.families, [4, 6])
    assert.deepEqual(plan.podCIDRs.map(formatCIDR), ['10.244.0.0/16', 'fd00:10:244::/56'])
    assert.deepEqual(plan.controlPlane, ['172.30.0.2', 'fd00:172:30::2'])
    assert.deepEqual(plan.nodes[0], {
      name: 'node1',
      ip: '172.30.0.11',
      ips: ['172.30.0.11', 'fd00:172:30::11'],
    })
    assert.deepEqual(plan.outside, ['172.30.0.254', 'fd00:172:30::254'])
    assert.equal(plan.kubernetesService, '10.96.0.1')
    // kubeadm's GetDNSIP(): the tenth address of the network.
    assert.deepEqual(plan.dnsServices, ['10.96.0.10', 'fd00:10:96::a'])
    assert.deepEqual(plan.loadBalancerPools[1], {
      first: 'fd00:172:30::200',
      last: 'fd00:172:30::250',
    })
  })

  test('of IPv6 alone', () => {
    const plan = planOf({ ipFamily: 'ipv6' })
    assert.deepEqual(plan.families, [6])
    assert.deepEqual(plan.subnets.flat().map(formatCIDR), ['fd00:172:30::/64'])
    assert.equal(plan.kubernetesService, 'fd00:10:96::1')
  })

  test("the first Service network's family is the primary one", () => {
    const plan = planOf({ ipFamily: 'dual', serviceCIDR: 'fd00:10:96::/112,10.96.0.0/16' })
    assert.deepEqual(plan.families, [6, 4])
    assert.deepEqual(plan.podCIDRs.map(formatCIDR), ['fd00:10:244::/56', '10.244.0.0/16'])
    assert.equal(plan.nodes[0]?.ip, 'fd00:172:30::11')
  })

  test('two subnets: nodes by turns, and the rest in the first', () => {
    const plan = planOf({ ipFamily: 'dual', underlay: 'routed' })
    assert.deepEqual(plan.subnets.flat().map(formatCIDR), [
      ...['172.30.0.0/24', 'fd00:172:30::/64', '172.30.1.0/24', 'fd00:172:30:1::/64'],
    ])
    assert.deepEqual(
      plan.nodes.map(({ ips }) => ips.join()),
      [
        '172.30.0.11,fd00:172:30::11',
        '172.30.1.12,fd00:172:30:1::12',
        '172.30.0.13,fd00:172:30::13',
      ],
    )
    assert.deepEqual(plan.controlPlane, ['172.30.0.2', 'fd00:172:30::2'])
  })

  test('a network with host bits is refused', () => {
    assert.throws(() => planOf({ podCIDR: '10.244.0.1/16' }), RangeError)
  })
})

test('isOnNodeNetwork() knows both subnets', () => {
  const plan = planOf({ underlay: 'routed' })
  assert.deepEqual(
    ['172.30.0.254', '172.30.1.7', '172.30.2.1', 'fd00:172:30::1', 'x'].map((address) =>
      isOnNodeNetwork(plan, address),
    ),
    [true, true, false, false, false],
  )
})
