import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isGlobalUnicast } from './global-unicast.ts'

// Go's net.IP.IsGlobalUnicast(): private addresses count as unicast.
const unicast = [
  '10.244.1.2',
  '172.30.0.11',
  '192.168.0.1',
  '100.64.0.1',
  'fd00:10:244::1',
  '2001:db8::1',
]
const others = [
  '127.0.0.1',
  '127.8.9.1',
  '0.0.0.0',
  '169.254.169.254',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  'fe80::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '0x7f000001',
  '2130706433',
  'localhost',
  '',
]

suite('isGlobalUnicast()', () => {
  for (const address of unicast) test(`takes ${address}`, () => assert.ok(isGlobalUnicast(address)))
  for (const address of others)
    test(`refuses ${JSON.stringify(address)}`, () => assert.ok(!isGlobalUnicast(address)))
})
