import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr, parseInterfaceAddress } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { type CNIResult, decodeResult, encodeResult } from './result.ts'
import { CNI_VERSIONS } from './version.ts'

const result: CNIResult = {
  interfaces: [
    { name: 'cni0', mac: '0a:58:0a:f4:01:01', mtu: 1450 },
    { name: 'eth0', mac: '0a:58:0a:f4:01:02', mtu: 1450, sandbox: '/run/netns/a' },
  ],
  ips: [
    { address: parseInterfaceAddress('10.244.1.2/24')!, gateway: ip('10.244.1.1'), interface: 1 },
    { address: parseInterfaceAddress('fd00::2/64')!, interface: 1 },
  ],
  routes: [
    { destination: cidr('0.0.0.0/0'), gateway: ip('10.244.1.1') },
    { destination: cidr('fd00:1::/64') },
  ],
  dns: { nameservers: ['10.96.0.10'] },
}

const interfaces = [
  { name: 'cni0', mac: '0a:58:0a:f4:01:01' },
  { name: 'eth0', mac: '0a:58:0a:f4:01:02', sandbox: '/run/netns/a' },
]
const v4 = { interface: 1, address: '10.244.1.2/24', gateway: '10.244.1.1' }
const v6 = { interface: 1, address: 'fd00::2/64' }
const routes = [{ dst: '0.0.0.0/0', gw: '10.244.1.1' }, { dst: 'fd00:1::/64' }]
const dns = { nameservers: ['10.96.0.10'] }

// Shapes: facts/pod-network.md 1.1 and the SPEC.md of each version, section "Result".
const shapes = {
  '0.2.0': {
    ip4: { ip: '10.244.1.2/24', gateway: '10.244.1.1', routes: [routes[0]] },
    ip6: { ip: 'fd00::2/64', routes: [routes[1]] },
    dns,
  },
  '0.4.0': {
    interfaces,
    ips: [
      { version: '4', ...v4 },
      { version: '6', ...v6 },
    ],
    routes,
    dns,
  },
  '1.0.0': { interfaces, ips: [v4, v6], routes, dns },
  '1.1.0': {
    interfaces: interfaces.map((it) => ({ ...it, mtu: 1450 })),
    ips: [v4, v6],
    routes,
    dns,
  },
} as const

suite('encodeResult()', () => {
  for (const [version, shape] of Object.entries(shapes)) {
    test(`writes the shape of ${version}`, () => {
      const encoded = encodeResult(result, version as keyof typeof shapes)
      assert.deepEqual(encoded, { cniVersion: version, ...shape })
    })
  }

  test('keeps what 1.1.0 brought to itself (SPEC.md 1.1.0, "ADD Success")', () => {
    const metrics = { mtu: 1400, advmss: 1360, priority: 10, table: 0, scope: 253 }
    const device = { name: 'vf0', socketPath: '/run/vdpa.sock', pciID: '0000:00:01.0' }
    const more = {
      ...result,
      interfaces: [device],
      routes: [{ destination: cidr('10.0.0.0/8'), ...metrics }],
    }
    const encoded = encodeResult(more, '1.1.0') as { routes: object[]; interfaces: object[] }
    assert.deepEqual(encoded.routes, [{ dst: '10.0.0.0/8', ...metrics }])
    assert.deepEqual(encoded.interfaces, [device])
    assert.deepEqual(decodeResult(encoded, '1.1.0'), more)
    const older = encodeResult(more, '1.0.0') as { routes: object[]; interfaces: object[] }
    assert.deepEqual(older.routes, [{ dst: '10.0.0.0/8' }])
    assert.deepEqual(older.interfaces, [{ name: 'vf0' }])
  })

  test('has no old shape for an attachment without an address', () => {
    assert.throws(() => encodeResult({ ...result, ips: [] }, '0.1.0'), /no valid IP addresses/)
  })
})

suite('decodeResult()', () => {
  for (const version of CNI_VERSIONS) {
    test(`reads what ${version} says of addresses and routes`, () => {
      const decoded = decodeResult(encodeResult(result, version), version)
      const plain = ({ address, gateway }: CNIResult['ips'][number]) => ({ address, gateway })
      assert.deepEqual(decoded.ips.map(plain), result.ips.map(plain))
      assert.deepEqual(decoded.routes, result.routes)
      assert.deepEqual(decoded.dns, result.dns)
    })
  }

  test('reads 1.1.0 whole', () => {
    assert.deepEqual(decodeResult(encodeResult(result, '1.1.0'), '1.1.0'), result)
  })
})
