import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { OPTIONS } from '../testing/packet-flows.ts'
import { parseAffinity, sortAffinity } from './affinity.ts'

// nft 1.0.6: nft -j list map ip x affinity, after
// nft 'add element ip x affinity { 1.1.1.1 . 2.2.2.2 . tcp . 80 timeout 100s : 3.3.3.3 . 8080, 1.1.1.1 . 2.2.2.2 . udp . 80 timeout 100s : 3.3.3.3 . 8080 }'
const LISTED =
  '{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"map": {"family": "ip", "name": "affinity", "table": "x", "type": ["ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"], "handle": 3, "map": "ipv4_addr . inet_service", "size": 65535, "flags": ["timeout"], "elem": [[{"elem": {"val": {"concat": ["1.1.1.1", "2.2.2.2", "tcp", 80]}, "timeout": 100, "expires": 99}}, {"concat": ["3.3.3.3", 8080]}], [{"elem": {"val": {"concat": ["1.1.1.1", "2.2.2.2", "udp", 80]}, "timeout": 100, "expires": 99}}, {"concat": ["3.3.3.3", 8080]}]]}}]}'

test('parseAffinity() reads what nft prints', () => {
  const entry = {
    client: ip('1.1.1.1'),
    endpoint: { ip: ip('3.3.3.3'), port: 8080 },
    timeoutSeconds: 100,
    expiresSeconds: 99,
  }
  assert.deepEqual(parseAffinity(LISTED), [
    { ...entry, frontend: { ip: ip('2.2.2.2'), protocol: 'tcp', port: 80 } },
    { ...entry, frontend: { ip: ip('2.2.2.2'), protocol: 'udp', port: 80 } },
  ])
})

test('parseAffinity() reads an empty map', () => {
  const empty = JSON.parse(LISTED)
  delete empty.nftables[1].map.elem
  assert.deepEqual(parseAffinity(JSON.stringify(empty)), [])
})

suite('sortAffinity()', () => {
  const modelOf = (
    endpoints: readonly string[],
    sessionAffinity: 'ClientIP' | 'None' = 'ClientIP',
  ) =>
    planServiceModel(
      [serviceOf('s', { clusterIP: '2.2.2.2', ports: portOf(80), sessionAffinity })],
      [sliceOf('s', endpoints)],
      OPTIONS,
    )
  const rows = [
    { name: 'endpoint is there', model: modelOf(['3.3.3.3', '4.4.4.4']), live: 1 },
    { name: 'endpoint is gone', model: modelOf(['4.4.4.4']), live: 0 },
    { name: 'affinity is off', model: modelOf(['3.3.3.3'], 'None'), live: 0 },
    { name: 'Service is gone', model: new Map(), live: 0 },
  ]
  for (const { name, model, live } of rows) {
    test(name, () => {
      const sorted = sortAffinity(parseAffinity(LISTED), model)
      // The UDP entry is never live: the Service has a TCP port only.
      assert.deepEqual([sorted.live.length, sorted.stale.length], [live, 2 - live])
    })
  }
})
