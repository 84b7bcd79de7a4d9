import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice } from '#api/discovery.ts'
import { describeIgnoredEndpoints, findIgnoredEndpoints } from './find-ignored-endpoints.ts'

const slice = (
  addressType: 'IPv4' | 'IPv6',
  addresses: readonly string[],
  name = 'x',
): EndpointSlice => ({
  metadata: { name, namespace: 'default' },
  addressType,
  endpoints: addresses.map((address) => ({ addresses: [address] })),
  ports: [],
})

test('names endpoints that no proxy sends to, and why', () => {
  const hostile = slice('IPv4', [
    ...['127.0.0.1', '169.254.169.254', '0.0.0.0', '224.0.0.1', 'fd00::7', 'x"; flush ruleset'],
    ...Array.from({ length: 1000 }, () => '10.244.1.7'),
  ])
  const found = findIgnoredEndpoints([hostile, slice('IPv6', ['::1', 'fd00::8'], 'y')])
  assert.deepEqual(
    new Map(found.map(({ address, why }) => [address, why])),
    new Map([
      ['0.0.0.0', 'unspecified'],
      ['10.244.1.7', 'named 1000 times, counts once'],
      ['127.0.0.1', 'loopback'],
      ['169.254.169.254', 'link-local'],
      ['224.0.0.1', 'not-unicast'],
      ['::1', 'loopback'],
      ['fd00::7', 'wrong-family'],
      ['x"; flush ruleset', 'not-an-address'],
    ]),
  )
  assert.match(
    describeIgnoredEndpoints(found),
    /^Endpoints are ignored: "0\.0\.0\.0" \(unspecified\), .* and 3 more$/,
  )
})

test('the same address in two slices is none: each has ports of its own', () => {
  const two = [slice('IPv4', ['10.244.1.7']), slice('IPv4', ['10.244.1.7'], 'y')]
  assert.deepEqual(findIgnoredEndpoints(two), [])
})
