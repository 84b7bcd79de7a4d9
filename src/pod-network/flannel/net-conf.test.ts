import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { createBackend } from './create-backend.ts'
import { checkSubnetRange, parseNetConf } from './net-conf.ts'
import { fuzzNetConf } from './testing/fuzz-flannel.ts'

// Documentation/configuration.md of flannel, "Example configuration JSON"
const EXAMPLE = `{
  "Network": "10.0.0.0/8",
  "SubnetLen": 20,
  "SubnetMin": "10.10.0.0",
  "SubnetMax": "10.99.0.0",
  "Backend": { "Type": "udp", "Port": 7890 }
}`
const DUAL = `{
  "EnableNFTables": true, "EnableIPv6": true,
  "Network": "10.244.0.0/16", "IPv6Network": "fc00::/48",
  "Backend": { "Type": "vxlan" }
}`

suite('parseNetConf()', () => {
  test('reads the example of the documentation', () => {
    assert.deepEqual(parseNetConf(EXAMPLE), {
      networks: { 4: cidr('10.0.0.0/8') },
      enableNFTables: false,
      backend: { type: 'udp', options: { Type: 'udp', Port: 7890 } },
      ranges: { 4: { length: 20, min: '10.10.0.0', max: '10.99.0.0' } },
    })
  })

  test('reads both families', () => {
    const { networks, enableNFTables, backend } = parseNetConf(DUAL)
    assert.deepEqual(networks, { 4: cidr('10.244.0.0/16'), 6: cidr('fc00::/48') })
    assert.deepEqual([enableNFTables, backend.type], [true, 'vxlan'])
  })

  test('reads IPv6 alone', () =>
    assert.deepEqual(
      parseNetConf('{"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fc00::/48"}').networks,
      { 6: cidr('fc00::/48') },
    ))

  // encoding/json: field names match in any case
  test('takes names in any case, as Go does', () =>
    assert.deepEqual(parseNetConf('{"network":"10.1.0.0/16","BACKEND":{"type":"alloc"}}').backend, {
      type: 'alloc',
      options: { type: 'alloc' },
    }))

  // facts/pod-network.md 3.1: parseBackendType() says udp where Backend is absent
  test('without Backend it is udp', () =>
    assert.equal(parseNetConf('{"Network":"10.1.0.0/16"}').backend.type, 'udp'))

  const refused = [
    { text: '', why: /it is no JSON/ },
    { text: '[]', why: /it is no JSON object/ },
    { text: '{}', why: /Network is no IPv4 network: it is missing/ },
    { text: '{"Network":"10.1.2.3/16"}', why: /Network is no IPv4 network: "10.1.2.3\/16"/ },
    { text: '{"Network":"fc00::/48"}', why: /no IPv4 network/ },
    { text: '{"EnableIPv4":false}', why: /neither IPv4 nor IPv6 is enabled/ },
    { text: '{"Network":"10.1.0.0/16","Backend":7}', why: /Backend is no object/ },
    { text: '{"Network":"10.1.0.0/16","Backend":{}}', why: /Backend has no Type/ },
    { text: '{"Network":"10.1.0.0/16","SubnetLen":"x"}', why: /SubnetLen is no number/ },
    { text: '{"Network":"10.1.0.0/16","SubnetMin":"x"}', why: /SubnetMin is no IPv4 address/ },
  ]
  for (const { text, why } of refused)
    test(`refuses ${text}`, () =>
      assert.throws(() => parseNetConf(text), { name: 'RangeError', message: why }))

  test('refuses any other text with a RangeError', () => {
    const good = fuzzNetConf({ runs: 400 })
    assert.ok(good > 5, `only ${good} were good`)
  })
})

// Expected ranges and words: pkg/subnet/config.go, CheckNetworkConfig, and pkg/subnet/config_test.go of flannel
suite('checkSubnetRange()', () => {
  const good = [
    { network: '10.3.0.0/16', given: {}, want: { length: 24, min: '10.3.1.0', max: '10.3.255.0' } },
    {
      network: '10.3.1.128/25',
      given: {},
      want: { length: 27, min: '10.3.1.160', max: '10.3.1.224' },
    },
    {
      network: '10.3.1.128/25',
      given: { length: 28 },
      want: { length: 28, min: '10.3.1.144', max: '10.3.1.240' },
    },
    {
      network: 'fc00::/48',
      given: {},
      want: { length: 64, min: 'fc00:0:0:1::', max: 'fc00:0:0:ffff::' },
    },
    {
      network: 'fc00::/64',
      given: {},
      want: { length: 66, min: 'fc00::4000:0:0:0', max: 'fc00::c000:0:0:0' },
    },
  ]
  for (const { network, given, want } of good)
    test(network + JSON.stringify(given), () =>
      assert.deepEqual(checkSubnetRange(cidr(network), given), want),
    )

  const bad = [
    {
      network: '10.3.1.0/29',
      given: {},
      why: 'network is too small. Minimum useful network prefix is /28',
    },
    {
      network: 'fc00::/125',
      given: {},
      why: 'IPv6Network is too small. Minimum useful network prefix is /124',
    },
    { network: '10.3.0.0/16', given: { length: 31 }, why: 'SubnetLen must be less than /31' },
    { network: 'fc00::/48', given: { length: 127 }, why: 'SubnetLen must be less than /127' },
    {
      network: '10.3.0.0/16',
      given: { length: 17 },
      why: 'network must be able to accommodate at least four subnets',
    },
    {
      network: '10.3.0.0/16',
      given: { min: ip('10.4.0.0') },
      why: 'SubnetMin is not in the range of the Network',
    },
    {
      network: '10.3.0.0/16',
      given: { max: ip('10.2.0.0') },
      why: 'SubnetMax is not in the range of the Network',
    },
    {
      network: 'fc00::/48',
      given: { min: ip('fd00::') },
      why: 'IPv6SubnetMin is not in the range of the IPv6Network',
    },
    {
      network: '10.3.0.0/16',
      given: { min: ip('10.3.1.1') },
      why: 'SubnetMin is not on a SubnetLen boundary: 10.3.1.1',
    },
  ]
  for (const { network, given, why } of bad)
    test(`refuses ${network}${JSON.stringify(given)}`, () =>
      assert.throws(() => checkSubnetRange(cidr(network), given), {
        name: 'RangeError',
        message: why,
      }))
})

suite('createBackend()', () => {
  const bad = [
    { type: 'gre', options: {}, why: 'Cannot use backend "gre": there is none of that type' },
    {
      type: 'vxlan',
      options: { VNI: -1 },
      why: 'Cannot use VNI -1 of backend vxlan: it is no number from 1 to 16777215',
    },
    {
      type: 'vxlan',
      options: { vni: '1' },
      why: 'Cannot use VNI "1" of backend vxlan: it is no number from 1 to 16777215',
    },
    {
      type: 'vxlan',
      options: { DirectRouting: 'yes' },
      why: 'Cannot use DirectRouting "yes" of backend vxlan: it is no boolean',
    },
    // An odd first octet is a group's, and 0x01 set in it a vendor's.
    { type: 'vxlan', options: { MacPrefix: '01-2A' }, why: /Cannot use MacPrefix "01-2A"/ },
    { type: 'udp', options: { Port: 70000 }, why: /Cannot use Port 70000 of backend udp/ },
  ]
  for (const { type, options, why } of bad)
    test(`refuses ${type} ${JSON.stringify(options)}`, () =>
      assert.throws(() => createBackend({ type, options }), { name: 'RangeError', message: why }))
})
