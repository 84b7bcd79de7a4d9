import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { createSQLiteStore } from './sqlite-store.ts'

/** The soak plays five hundred; here a hundredth. */
const ROUNDS = 5
/** Each round dies after another number of acknowledged writes. */
const WRITES_BEFORE_DEATH = [1, 40, 111, 250, 400]

test('kill -9 under write load loses no acknowledged write and keeps revisions whole', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-kill-'))
  const path = join(folder, 'state.db')
  const acknowledged = new Map<string, number>()
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await writeUntilKilled(path, round, WRITES_BEFORE_DEATH[round]!, acknowledged)
      const store = createSQLiteStore(path)
      try {
        const { items, revision } = await store.list('/')
        const found = new Map(items.map((item) => [item.key, item.modRevision]))
        for (const [key, modRevision] of acknowledged)
          assert.equal(found.get(key), modRevision, key)
        // The load only creates: every revision after the first has exactly one key.
        assert.deepEqual(
          items.map((item) => item.modRevision).toSorted((a, b) => a - b),
          Array.from({ length: revision - 1 }, (_, i) => i + 2),
        )
      } finally {
        await store.close()
      }
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

async function writeUntilKilled(
  path: string,
  round: number,
  writes: number,
  acknowledged: Map<string, number>,
): Promise<void> {
  const script = join(import.meta.dirname, '../../testing/write-load.ts')
  const child = spawn(process.execPath, [script, path, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [key, revision] = line.split(' ')
    acknowledged.set(key!, Number(revision))
    if (++count === writes) child.kill('SIGKILL')
  }
  await exited
  assert.ok(count >= writes, 'the load ended before it was killed')
}
