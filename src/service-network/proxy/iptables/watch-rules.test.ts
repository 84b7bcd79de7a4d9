import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { NftChange, NftEvents } from '#kernel/nft/nft-events.ts'
import { waitFor } from '#testing/wait-for.ts'
import { watchCanaries, watchEvents } from './watch-rules.ts'

suite('watchEvents()', () => {
  const rows: readonly {
    readonly name: string
    readonly changes: ReturnType<NftEvents['take']>
    readonly isTampering: boolean
  }[] = [
    {
      name: 'a table of ours',
      changes: [{ family: 2, table: 'nat', portID: 7 }],
      isTampering: true,
    },
    {
      name: 'one of the other family',
      changes: [{ family: 10, table: 'nat', portID: 7 }],
      isTampering: false,
    },
    {
      name: 'one of others',
      changes: [{ family: 2, table: 'fairlead-pods', portID: 7 }],
      isTampering: false,
    },
    { name: 'more than could be kept', changes: 'lost', isTampering: true },
  ]
  for (const { name, changes, isTampering } of rows) {
    test(name, async () => {
      let suspicions = 0
      let looks = 0
      const take = () => (looks++ === 0 ? changes : [])
      using _ = watchEvents({ take, [Symbol.dispose]() {} }, 4, () => suspicions++)
      await waitFor(() => looks >= 2, { what: 'two looks' })
      assert.equal(suspicions, isTampering ? 1 : 0)
    })
  }

  test('not what we do ourselves', async () => {
    let suspicions = 0
    let waiting: NftChange[] = []
    const take = () => waiting.splice(0)
    using watcher = watchEvents({ take, [Symbol.dispose]() {} }, 4, () => suspicions++)
    await watcher.during(async () => {
      waiting.push({ family: 2, table: 'nat', portID: 7 })
      await new Promise((resolve) => setTimeout(resolve, 250))
    })
    assert.deepEqual([suspicions, waiting.length], [0, 0])
    waiting = [{ family: 2, table: 'filter', portID: 7 }]
    await waitFor(() => suspicions === 1, { what: 'the suspicion' })
  })
})

test('watchCanaries() tells when they are gone, and not before they were made', async () => {
  let [suspicions, questions] = [0, 0]
  let areThere = false
  const ask = async () => {
    questions++
    return areThere
  }
  using watcher = watchCanaries(ask, () => suspicions++, 5)
  await watcher.during(async () => {
    areThere = true
  })
  await waitFor(() => questions >= 2, { what: 'two questions' })
  assert.equal(suspicions, 0)
  areThere = false
  await waitFor(() => suspicions > 0, { what: 'the suspicion' })
})
