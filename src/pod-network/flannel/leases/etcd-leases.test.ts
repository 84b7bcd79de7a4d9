import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { Lease } from '../lease.ts'
import { checkSubnetRange } from '../net-conf.ts'
import { fuzzLeases } from '../testing/fuzz-flannel.ts'
import { chooseSubnets } from './choose-subnets.ts'
import { leaseKey, parseLease, parseLeaseKey, renderLeaseValue } from './etcd-keys.ts'

const prefix = '/coreos.com/network'
const v4 = { 4: cidr('10.5.52.0/24') }
const dual = { ...v4, 6: cidr('fc00::/64') }

// facts/pod-network.md 3.3; pkg/subnet/subnet.go: subnetRegex, MakeSubnetKey()
suite('keys and values of leases', () => {
  test('keys', () => {
    assert.equal(leaseKey(prefix, v4), '/coreos.com/network/subnets/10.5.52.0-24')
    assert.equal(leaseKey(prefix, dual), '/coreos.com/network/subnets/10.5.52.0-24&fc00::-64')
    assert.deepEqual(parseLeaseKey(leaseKey(prefix, v4)), v4)
    assert.deepEqual(parseLeaseKey(leaseKey(prefix, dual)), dual)
    for (const key of ['', '/coreos.com/network/config', 'x/10.5.52.1-24', 'x/10.5.52.0-33'])
      assert.equal(parseLeaseKey(key), undefined, key)
  })

  // encoding/json of lease.LeaseAttrs: the order of fields, null for a nil pointer, omitempty
  test('values', () => {
    const data = { VNI: 1, VtepMAC: '02:00:00:00:00:01' }
    const vxlan = { backendType: 'vxlan', publicIPs: { 4: ip('1.2.3.4') }, data: { 4: data } }
    const text =
      '{"PublicIP":"1.2.3.4","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:01"}}'
    assert.equal(renderLeaseValue(vxlan), text)
    const udp = { backendType: '', publicIPs: { 4: ip('1.2.3.4') }, data: { 4: null } }
    assert.equal(renderLeaseValue(udp), '{"PublicIP":"1.2.3.4","PublicIPv6":null}')
    assert.deepEqual(parseLease(leaseKey(prefix, v4), text), {
      ...vxlan,
      name: '10.5.52.0-24',
      subnets: v4,
      data: { 4: data, 6: undefined },
    })
  })

  test('any text is a lease or none', () => fuzzLeases({ runs: 200 }))
})

suite('chooseSubnets()', () => {
  const ranges = { 4: checkSubnetRange(cidr('10.5.0.0/16'), {}) }
  const lease = (subnet: string, publicIP: string): Lease => ({
    name: subnet,
    backendType: 'vxlan',
    subnets: { 4: cidr(subnet) },
    publicIPs: { 4: ip(publicIP) },
    data: {},
  })
  const mine = ip('172.30.0.11')
  const choose = (leases: readonly Lease[], previous = {}, random = 0) =>
    chooseSubnets(leases, ranges, mine, previous, () => random)

  // pkg/subnet/etcd/local_manager.go, tryAcquireLease() and allocateSubnet()
  test('takes the lease of its own address again', () => {
    const own = lease('10.5.9.0/24', mine)
    assert.deepEqual(choose([own, lease('10.5.1.0/24', '172.30.0.12')]), {
      subnets: own.subnets,
      existing: own,
    })
  })
  test('takes what it had, where that is free', () => {
    const previous = { 4: cidr('10.5.7.0/24') }
    assert.deepEqual(choose([], previous).subnets, previous)
    const taken = [lease('10.5.7.0/24', '172.30.0.12')]
    assert.notDeepEqual(choose(taken, previous).subnets, previous)
    assert.notDeepEqual(choose([], { 4: cidr('10.5.7.0/25') }).subnets, { 4: cidr('10.5.7.0/25') })
  })
  test('else one of the first 100 free ones', () => {
    assert.deepEqual(choose([]).subnets, { 4: cidr('10.5.1.0/24') })
    assert.deepEqual(choose([], {}, 0.999).subnets, { 4: cidr('10.5.100.0/24') })
    const first = [lease('10.5.1.0/24', '172.30.0.12')]
    assert.deepEqual(choose(first).subnets, { 4: cidr('10.5.2.0/24') })
  })
  test('gives a lease up that is outside of the range', () => {
    const own = lease('10.6.9.0/24', mine)
    assert.equal(choose([own]).misfit, own)
  })
  test('says that all are taken', () => {
    const small = { 4: checkSubnetRange(cidr('10.5.0.0/28'), {}) }
    const all = ['10.5.0.4/30', '10.5.0.8/30', '10.5.0.12/30'].map((it) => lease(it, '172.30.0.12'))
    assert.throws(() => chooseSubnets(all, small, mine, {}, () => 0), { message: 'out of subnets' })
    const [last] = [chooseSubnets(all.slice(1), small, mine, {}, () => 0.9).subnets[4]!]
    assert.equal(formatCIDR(last), '10.5.0.4/30')
  })
  test('both families', () => {
    const both = { ...ranges, 6: checkSubnetRange(cidr('fc00::/48'), {}) }
    assert.deepEqual(chooseSubnets([], both, mine, {}, () => 0).subnets, {
      4: cidr('10.5.1.0/24'),
      6: cidr('fc00:0:0:1::/64'),
    })
  })
})
