import { DatabaseSync } from 'node:sqlite'

/**
 * `revisions` is append-only: a row for each write. `previous` is the key's mod revision before it (0: none), so a
 * deletion's row leads to the value that it removed. `state` keeps what compaction may delete the last row of.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS revisions (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    created INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    value TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS revisions_by_key ON revisions (key, revision);
  CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
`
/** Stored as user_version: a file of a newer program is refused instead of misread. */
const FORMAT = 1

export interface DatabaseOptions {
  /** FULL survives power loss at a sixth of the write rate; NORMAL survives the death of the process. */
  readonly synchronous?: 'NORMAL' | 'FULL'
}

/** @throws Error `Cannot open state <path>: …` with a hint */
export function openDatabase(
  path: string,
  { synchronous = 'NORMAL' }: DatabaseOptions,
): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    // One process writes: the lock is held for the process's life, and needs no shared memory file.
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = MEMORY`)
    checkFormat(database)
    database.exec('BEGIN IMMEDIATE')
    database.exec(SCHEMA)
    database.exec(`PRAGMA user_version = ${FORMAT}; COMMIT`)
    return database
  } catch (cause) {
    database?.close()
    throw new Error(`Cannot open state ${path}: ${explain(cause)}`, { cause })
  }
}

function checkFormat(database: DatabaseSync): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (found > FORMAT) {
    throw new Error(
      `its format ${found} is newer than this program's ${FORMAT} (use the newer one)`,
    )
  }
  const check = database.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (check !== 'ok') throw new Error(`${check} ${DAMAGED}`)
}

const DAMAGED =
  '(the file is damaged: move it away and its -wal file with it to start empty, or restore a copy)'

/** SQLite's primary result codes, sqlite.org/rescode.html. */
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_CANTOPEN = 14
const SQLITE_NOTADB = 26

function explain(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const code = 'errcode' in cause && typeof cause.errcode === 'number' ? cause.errcode & 0xff : 0
  if (code === SQLITE_BUSY) return 'another process has it open (is the control plane running?)'
  if (code === SQLITE_CANTOPEN)
    return `${cause.message} (does its folder exist, may we write there?)`
  if (code === SQLITE_NOTADB || code === SQLITE_CORRUPT) return `${cause.message} ${DAMAGED}`
  return cause.message
}
