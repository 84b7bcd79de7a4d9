import assert from 'node:assert/strict'
import fc from 'fast-check'
import { cidr } from '#ip/cidr.ts'
import { annotationKeys, leaseOfNode } from '../annotations.ts'
import { createBackend } from '../create-backend.ts'
import { leaseKey, parseLease, parseLeaseKey } from '../leases/etcd-keys.ts'
import { checkSubnetRange, parseNetConf } from '../net-conf.ts'
import { selectPeers } from '../select-peers.ts'
import { createVXLAN, VXLAN_DEFAULTS } from '../vxlan/plan-vxlan.ts'
import { node1 } from './own-node.ts'

/*
 * What comes from outside, of all kinds and nearly right: each is read or refused in the way that is promised. `npm test` plays hundreds,
 * `npm run soak -- pod-network-input` ten thousand.
 */

interface FuzzOptions {
  readonly runs: number
  readonly seed?: number
}

const parameters = ({ runs, seed }: FuzzOptions) => ({
  numRuns: runs,
  ...(seed !== undefined && { seed }),
})

/** Any text is a configuration, or refused with a RangeError. @returns how many were good */
export function fuzzNetConf(options: FuzzOptions): number {
  const key = fc.constantFrom(
    ...['Network', 'IPv6Network', 'EnableIPv4', 'EnableIPv6', 'SubnetLen', 'SubnetMin', 'Backend'],
  )
  const backend = fc.record({
    Type: fc.constantFrom('vxlan', 'udp', 'host-gw'),
    VNI: fc.jsonValue(),
    Port: fc.jsonValue(),
  })
  const near = fc.constantFrom<unknown>('10.1.0.0/16', 'fc00::/48', true, 24, '10.1.4.0')
  const value = fc.oneof(near, backend, fc.jsonValue())
  const base = { Network: '10.1.0.0/16', Backend: { Type: 'vxlan' } }
  const changed = fc
    .dictionary(key, value, { maxKeys: 3 })
    .map((changes) => JSON.stringify({ ...base, ...changes }))
  let good = 0
  const read = (text: string) => {
    try {
      const { backend, networks, ranges } = parseNetConf(text)
      createBackend(backend)
      for (const family of [4, 6] as const)
        if (networks[family]) checkSubnetRange(networks[family], ranges[family] ?? {})
      good++
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error))
    }
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), changed), read), parameters(options))
  return good
}

/** A node's annotations and podCIDRs make a peer within the pod network, or none. */
export function fuzzAnnotations(
  annotations: Readonly<Record<string, string>>,
  options: FuzzOptions,
): void {
  const keys = annotationKeys()
  const backend = createVXLAN(VXLAN_DEFAULTS)
  const own = backend.describe(node1, {})
  const text = fc.oneof(fc.string(), fc.json(), fc.constantFrom(...Object.values(annotations)))
  const any = fc.record(Object.fromEntries(Object.keys(annotations).map((key) => [key, text])), {
    requiredKeys: [],
  })
  const podCIDR = fc.oneof(
    fc.string(),
    fc.ipV4().map((it) => `${it}/24`),
    fc.constant('10.244.2.0/24'),
  )
  const plan = (held: Readonly<Record<string, string>>, podCIDRs: string[]) => {
    const managed = { ...held, 'flannel.alpha.coreos.com/kube-subnet-manager': 'true' }
    const node = { metadata: { name: 'x', annotations: managed }, spec: { podCIDRs } }
    const lease = leaseOfNode(node, keys)
    if (!lease) return
    const { peers } = selectPeers([lease], node1, 'vxlan')
    const { routes, fdb } = backend.plan(node1, own, peers)
    assert.equal(routes.length, fdb.length)
    for (const { destination } of routes)
      assert.match(String(destination?.address), /^(10\.244\.|fd00:10:244:)/)
  }
  fc.assert(
    fc.property(any, fc.array(podCIDR), (held, podCIDRs) =>
      plan(held as Readonly<Record<string, string>>, podCIDRs),
    ),
    parameters(options),
  )
}

/** A key and a value of etcd are a lease where the key is one. */
export function fuzzLeases(options: FuzzOptions): void {
  const subnets = { 4: cidr('10.5.52.0/24'), 6: cidr('fc00::/64') }
  const key = fc.oneof(fc.string(), fc.constant(leaseKey('/coreos.com/network', subnets)))
  fc.assert(
    fc.property(key, fc.oneof(fc.string(), fc.json()), (name, value) => {
      const lease = parseLease(name, value)
      assert.equal(lease === undefined, parseLeaseKey(name) === undefined)
    }),
    parameters(options),
  )
}
