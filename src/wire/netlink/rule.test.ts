import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { decodeRule, encodeRule, type RuleMessage } from './rule.ts'

// What iproute2 6.1 sends: strace -e trace=sendmsg -e write=all ip …
const requests: readonly { name: string; message: RuleMessage; bytes: string }[] = [
  {
    name: 'ip rule add from 10.0.0.2 lookup 100',
    message: { family: 4, source: cidr('10.0.0.2/32'), table: 100, action: 1 },
    bytes: '020020006400000100000000 080002000a000002',
  },
  {
    name: 'ip rule add from 10.1.0.0/16 lookup 70000 priority 77',
    message: { family: 4, source: cidr('10.1.0.0/16'), table: 70_000, priority: 77, action: 1 },
    bytes: '020010000000000100000000 080002000a010000 08000f0070110100 080006004d000000',
  },
]

suite('rules', () => {
  for (const { name, message, bytes } of requests) {
    const want = Buffer.from(bytes.replaceAll(/\s/g, ''), 'hex')
    test(`encodeRule() writes what iproute2 writes for ${name}`, () =>
      assert.deepEqual(Buffer.from(encodeRule(message)), want))
    test(`decodeRule() reads ${name}`, () => assert.deepEqual(decodeRule(want), message))
  }
})
