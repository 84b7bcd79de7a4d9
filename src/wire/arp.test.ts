import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { encodeARPAnnouncement } from './arp.ts'

// RFC 826, "Packet format": Ethernet header, ar_hrd 1, ar_pro 0800, lengths 6 and 4, ar_op, then sender and target.
const HEADER = 'ffffffffffff 020000000011 0806 0001 0800 06 04'
const SENDER = '020000000011 ac1e00c8'
const cases = [
  // RFC 5227, 2.3: an announcement is a request whose sender and target address are the same.
  { operation: 'request', rest: `0001 ${SENDER} 000000000000 ac1e00c8` },
  { operation: 'reply', rest: `0002 ${SENDER} ffffffffffff ac1e00c8` },
] as const

for (const { operation, rest } of cases)
  test(`encodeARPAnnouncement() writes a ${operation} about the sender itself`, () => {
    const frame = encodeARPAnnouncement(operation, {
      ip: ip('172.30.0.200'),
      mac: mac('02:00:00:00:00:11'),
    })
    assert.equal(frame.toHex(), `${HEADER}${rest}`.replaceAll(' ', ''))
  })
