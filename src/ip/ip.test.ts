import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  cidr,
  cidrContains,
  cidrsOverlap,
  formatCIDR,
  nthAddress,
  nthSubnet,
  parseCIDR,
} from './cidr.ts'
import { compareIPs, ip, ipFromBytes, ipToBytes, parseIP } from './ip.ts'
import { mac, macFromBytes, macToBytes, parseMAC } from './mac.ts'

suite('parseIP()', () => {
  // RFC 5952 section 4 and 5 give the canonical forms.
  const canonical = [
    { text: '10.0.0.1', want: '10.0.0.1' },
    { text: '2001:0db8::0001', want: '2001:db8::1' },
    { text: '2001:db8:0:0:0:0:2:1', want: '2001:db8::2:1' },
    { text: '2001:db8:0:1:1:1:1:1', want: '2001:db8:0:1:1:1:1:1' },
    { text: '2001:0:0:1:0:0:0:1', want: '2001:0:0:1::1' },
    { text: 'FD00::ABCD', want: 'fd00::abcd' },
    { text: '::', want: '::' },
    { text: '::1', want: '::1' },
    { text: 'fe80::', want: 'fe80::' },
  ]
  for (const { text, want } of canonical)
    test(`${text} is ${want}`, () => assert.equal(parseIP(text), want))

  const refused = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4 ',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '::ffff:1.2.3.4',
    '::ffff:102:304',
    'fe80::1%eth0',
    '12345::',
  ]
  for (const text of refused)
    test(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseIP(text), undefined))

  test('bytes round', () => {
    for (const text of ['10.244.1.7', 'fd00:10:244:1::7'])
      assert.equal(ipFromBytes(ipToBytes(ip(text))), text)
  })
  test('compareIPs() orders by number', () => {
    assert.deepEqual(['fd00::1', '10.0.0.10', '10.0.0.9'].map(ip).sort(compareIPs), [
      '10.0.0.9',
      '10.0.0.10',
      'fd00::1',
    ])
  })
})

suite('CIDR', () => {
  test('refuses host bits', () => assert.equal(parseCIDR('10.244.1.7/24'), undefined))
  test('refuses a prefix that is too long', () => assert.equal(parseCIDR('10.0.0.0/33'), undefined))
  test('contains', () => {
    assert.ok(cidrContains(cidr('10.244.0.0/16'), ip('10.244.255.255')))
    assert.ok(!cidrContains(cidr('10.244.0.0/16'), ip('10.245.0.0')))
    assert.ok(!cidrContains(cidr('0.0.0.0/0'), ip('::1')))
  })
  test('overlap', () => {
    assert.ok(cidrsOverlap(cidr('10.0.0.0/8'), cidr('10.244.0.0/16')))
    assert.ok(!cidrsOverlap(cidr('10.96.0.0/16'), cidr('10.244.0.0/16')))
  })
  test('nth', () => {
    assert.equal(nthAddress(cidr('10.96.0.0/16'), 10), '10.96.0.10')
    assert.equal(formatCIDR(nthSubnet(cidr('10.244.0.0/16'), 24, 3)), '10.244.3.0/24')
    assert.throws(() => nthAddress(cidr('10.0.0.0/30'), 4), RangeError)
  })
})

suite('MAC', () => {
  test('bytes round', () =>
    assert.equal(macFromBytes(macToBytes(mac('AA:bb:cc:00:01:02'))), 'aa:bb:cc:00:01:02'))
  test('refuses', () => assert.equal(parseMAC('aa:bb:cc:00:01'), undefined))
})
