import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { hex } from '#testing/codec.ts'
import { encodeSocketAddress } from './sockaddr.ts'

// Layouts as in ip(7) and ipv6(7); 6443 is 0x192b.
const cases = [
  {
    name: 'IPv4: family, port, address, eight zeros',
    address: ip('172.30.0.2'),
    port: 6443,
    want: '0200 192b ac1e0002 0000000000000000',
  },
  {
    name: 'IPv6: family, port, flow, address, scope',
    address: ip('fd00:172:30::2'),
    port: 53,
    want: '0a00 0035 00000000 fd000172003000000000000000000002 00000000',
  },
]

suite('encodeSocketAddress()', () => {
  for (const { name, address, port, want } of cases)
    test(name, () => assert.deepEqual(encodeSocketAddress(address, port), hex(want)))
})
