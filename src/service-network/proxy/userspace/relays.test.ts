import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { silentLog } from '#log/log.ts'
import { createRelayLimit } from '../relay/relay-limit.ts'
import { createSockets, type Sockets } from '../relay/sockets.ts'
import type { RelayPlan } from './plan-relays.ts'
import { createRelays } from './relays.ts'
import { roomForRelays } from './room.ts'

test('roomForRelays() leaves descriptors and local ports to others', () => {
  // ip(7): by default the ports 32768 to 60999
  const ports = 60_999 - 32_768 + 1
  assert.equal(roomForRelays(1_048_576, ports), 24_136)
  assert.equal(roomForRelays(20_000, ports), 17_952)
  assert.equal(roomForRelays(1024, ports), 1)
})

suite('createRelays()', () => {
  const planOf = (...keys: readonly string[]): ReadonlyMap<string, RelayPlan> =>
    new Map(keys.map((key) => [key, { protocol: 'tcp', endpoints: [] }]))

  test('where there is no more room, the others do without until there is', async () => {
    const told: unknown[] = []
    const log = { ...silentLog, warn: (_: string, fields?: object) => void told.push(fields) }
    const sockets: Sockets = {
      ...createSockets(),
      listen: (protocol, _, port) => createSockets().listen(protocol, ip('127.0.0.1'), port),
    }
    const limit = createRelayLimit(10)
    const relays = createRelays({ nodeIP: ip('172.30.0.11'), sockets, limit, most: 2, log })
    const served = (...keys: readonly string[]) =>
      keys.filter((key) => relays.portOf(key) !== undefined).join('')
    try {
      await relays.open(planOf('a', 'b', 'c'))
      assert.equal(served('a', 'b', 'c'), 'ab')
      assert.deepEqual(told, [{ ports: 3, served: 2 }])
      // One goes and another comes: its room is taken at once.
      await relays.open(planOf('b', 'c'))
      relays.closeOthers(planOf('b', 'c'))
      assert.equal(served('a', 'b', 'c'), 'bc')
      assert.equal(told.length, 1)
    } finally {
      relays.closeOthers(new Map())
    }
  })
})
