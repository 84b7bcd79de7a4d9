import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { testStore } from '../conformance.ts'
import { createSQLiteStore } from './sqlite-store.ts'

testStore('SQLite in memory', async () => createSQLiteStore(':memory:'), { keeps: false })

suite('SQLite in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-store-'))
  let stores = 0
  after(() => rmSync(folder, { recursive: true }))
  testStore('SQLite', async (place = String(++stores)) =>
    createSQLiteStore(join(folder, `${place}.db`)),
  )
})

const inFolder = (body: (path: string) => Promise<void>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-store-'))
  try {
    await body(join(folder, 'state.db'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

suite('createSQLiteStore()', () => {
  test(
    'refuses a second process, by name of the file',
    inFolder(async (path) => {
      const store = createSQLiteStore(path)
      try {
        assert.throws(() => createSQLiteStore(path), {
          message: `Cannot open state ${path}: another process has it open (is the control plane running?)`,
        })
      } finally {
        await store.close()
      }
    }),
  )

  test(
    'refuses a damaged file and leaves it as it is',
    inFolder(async (path) => {
      writeFileSync(path, 'this is not a database, but long enough to look like one'.repeat(100))
      // The middle is SQLite's own sentence for SQLITE_NOTADB (sqlite.org/rescode.html#notadb).
      assert.throws(() => createSQLiteStore(path), {
        message: `Cannot open state ${path}: file is not a database (the file is damaged: move it away and its -wal file with it to start empty, or restore a copy)`,
      })
    }),
  )

  test(
    'refuses a file with a damaged middle',
    inFolder(async (path) => {
      const store = createSQLiteStore(path)
      for (let i = 0; i < 50; i++) await store.create(`/p/${i}`, 'v'.repeat(2000))
      await store.close()
      const bytes = readFileSync(path)
      bytes.fill(0xff, bytes.length / 4, bytes.length / 2)
      writeFileSync(path, bytes)
      assert.throws(() => createSQLiteStore(path), {
        message: /^Cannot open state .*state\.db: .*\(the file is damaged: /s,
      })
      assert.deepEqual(readFileSync(path), bytes)
    }),
  )

  test('refuses a path that cannot be', () => {
    assert.throws(() => createSQLiteStore('/nonexistent/state.db'), {
      message: /^Cannot open state \/nonexistent\/state\.db: .*\(does its folder exist/,
    })
  })
})
