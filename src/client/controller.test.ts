import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silentLog } from '#log/log.ts'
import type { ObjectKey } from './api.ts'
import { runController } from './controller.ts'

/** Runs a controller whose reconcile is `work`, until `work` has been called `calls` times. */
async function run(
  calls: number,
  work: (
    key: ObjectKey,
    call: number,
    enqueue: (key: ObjectKey) => void,
  ) => Promise<number | undefined>,
  first: readonly ObjectKey[],
): Promise<string[]> {
  const abort = new AbortController()
  const seen: string[] = []
  let enqueue: (key: ObjectKey) => void = () => {}
  await runController(
    {
      name: 'test',
      informers: [],
      start(add) {
        enqueue = add
        for (const key of first) add(key)
        return () => {}
      },
      async reconcile(key) {
        seen.push(key.namespace ? `${key.namespace}/${key.name}` : key.name)
        try {
          return await work(key, seen.length, enqueue)
        } finally {
          if (seen.length === calls) abort.abort()
        }
      },
    },
    silentLog,
    abort.signal,
  )
  return seen
}

const a = { namespace: 'default', name: 'a' }
const node1 = { name: 'node1' }

suite('runController()', () => {
  test('works on a key once, however often it was added', async () => {
    assert.deepEqual(await run(2, async () => undefined, [a, a, node1, a]), ['default/a', 'node1'])
  })

  test('works again on a key that was added while it was worked on', async () => {
    const seen = await run(
      2,
      async (key, call, enqueue) => {
        if (call === 1) for (const again of [key, key]) enqueue(again)
        return undefined
      },
      [a],
    )
    assert.deepEqual(seen, ['default/a', 'default/a'])
  })

  test('tries again after a failure', async () => {
    const seen = await run(
      3,
      async (_, call) => {
        if (call < 3) throw new Error('no')
        return undefined
      },
      [a],
    )
    assert.deepEqual(seen, ['default/a', 'default/a', 'default/a'])
  })

  test('comes back when it was asked to', async () => {
    assert.deepEqual(await run(2, async (_, call) => (call === 1 ? 5 : undefined), [node1]), [
      'node1',
      'node1',
    ])
  })

  test('ends when it is stopped before its informers have synced', async () => {
    const abort = new AbortController()
    const synced = new Promise<void>((_, reject) =>
      abort.signal.addEventListener('abort', () => reject(abort.signal.reason)),
    )
    const running = runController(
      {
        name: 'test',
        informers: [{ synced }],
        start: () => () => {},
        reconcile: async () => undefined,
      },
      silentLog,
      abort.signal,
    )
    abort.abort()
    await running
  })
})
