/** A process for the kill test: creates keys as fast as it can, and says each one that was acknowledged. */
import { writeSync } from 'node:fs'
import { createSQLiteStore } from '../storage/sqlite/sqlite-store.ts'

const [path, round] = process.argv.slice(2)
const store = createSQLiteStore(path!)
const WRITERS = 16
const VALUE = 'v'.repeat(1200)

async function write(writer: number): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `/load/${round}/${writer}/${i}`
    const result = await store.create(key, VALUE)
    if (!result.ok) throw new Error(`Cannot create ${key}: it is there`)
    writeSync(1, `${key} ${result.revision}\n`)
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
