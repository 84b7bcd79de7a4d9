import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openNftEvents } from '#kernel/nft/nft-events.ts'
import { openNftSocket } from '#kernel/nft/nft-socket.ts'
import { createLab } from '#testing/netns.ts'
import { encodeRemoval } from './encode/encode-plan.ts'
import { TABLE_NAME } from './render.ts'
import { watchTable } from './watch-table.ts'

// A transaction that makes the table and deletes it again changes nothing, and is a generation all the same.
test('a transaction of our own is not heard of while it is unheard, and somebody else’s after it is noticed', () => {
  using lab = createLab()
  const netns = lab.netns('a')
  using events = openNftEvents(netns)
  using own = openNftSocket(netns)
  using other = openNftSocket(netns)
  let raised = 0
  using watcher = watchTable(4, own, () => raised++, netns)
  const touch = (socket: typeof own) => socket.commit((writer) => encodeRemoval(writer, 4))

  events.deafTo(() => touch(own))
  assert.deepEqual(events.take(), [])
  touch(own)
  assert.deepEqual(events.take(), [{ family: 2, table: TABLE_NAME, portID: own.portID }])

  watcher.unheard(() => touch(own))
  assert.deepEqual([watcher.isTampered(), raised], [false, 0])
  watcher.unheard(() => {
    touch(own)
    touch(other)
  })
  assert.deepEqual([watcher.isTampered(), raised], [true, 1])
  assert.equal(watcher.isTampered(), false, 'it is told once')
})
