import type { DatabaseSync } from 'node:sqlite'
import { endOfPrefix, type UnreadItem } from '../key-index.ts'
import type { StoredItem, StoreEvent } from '../store.ts'

type Row = Readonly<Record<string, unknown>>

/** The statements over the table of revisions. Everything here is synchronous and knows no policy. */
export function createRevisionLog(database: DatabaseSync) {
  const insert = database.prepare(
    'INSERT INTO revisions (revision, key, created, previous, deleted, value) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const one = database.prepare(
    `SELECT key, value, revision, created, deleted FROM revisions
     WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1`,
  )
  // The newest row of each key at a revision: one step down the index (key, revision).
  const snapshot = database.prepare(
    `SELECT key, value, revision, created FROM revisions AS r
     WHERE key > ? AND key < ? AND deleted = 0 AND revision =
       (SELECT max(revision) FROM revisions WHERE key = r.key AND revision <= ?)
     ORDER BY key`,
  )
  // As snapshot of all keys, without the values, which are most of the file.
  const newest = database.prepare(
    `SELECT r.key, r.revision, r.created FROM
       (SELECT key, max(revision) AS revision FROM revisions GROUP BY key) AS last
     JOIN revisions AS r ON r.revision = last.revision WHERE r.deleted = 0 ORDER BY r.key`,
  )
  const value = database.prepare('SELECT value FROM revisions WHERE revision = ?')
  const changes = database.prepare(
    `SELECT r.key, r.value, r.revision, r.created, r.deleted, r.previous,
       p.value AS previous_value, p.created AS previous_created
     FROM revisions AS r LEFT JOIN revisions AS p ON p.revision = r.previous
     WHERE r.revision > ? AND r.key >= ? AND r.key < ? ORDER BY r.revision`,
  )
  const setState = database.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')

  return {
    put({ key, value, modRevision, createRevision }: StoredItem, previous: number): void {
      insert.run(modRevision, key, createRevision, previous, 0, value)
    },
    remove(key: string, revision: number, previous: StoredItem): void {
      insert.run(revision, key, previous.createRevision, previous.modRevision, 1, '')
    },
    itemAt(key: string, revision: number): StoredItem | undefined {
      const row = one.get(key, revision)
      return row && row.deleted === 0 ? itemOf(row) : undefined
    },
    /** Items at `revision` with `after < key < end`. */
    *snapshot(after: string, end: string, revision: number): Generator<StoredItem> {
      for (const row of snapshot.iterate(after, end, revision)) yield itemOf(row)
    },
    /** The newest items. */
    *newest(): Generator<UnreadItem> {
      for (const row of newest.iterate())
        yield {
          key: String(row.key),
          modRevision: Number(row.revision),
          createRevision: Number(row.created),
        }
    },
    /** What was written at a revision that is the newest of its key. */
    valueOf: (revision: number): string => String(value.get(revision)?.value),
    changesAfter(revision: number, prefix: string): StoreEvent[] {
      return changes.all(revision, prefix, endOfPrefix(prefix)).map(eventOf)
    },
    /** The newest revision ever given out, and the compaction floor. */
    marks(): { readonly revision: number; readonly compacted: number } {
      const state = Object.fromEntries(
        database
          .prepare('SELECT name, value FROM state')
          .all()
          .map((row) => [row.name, Number(row.value)]),
      )
      const newest = database.prepare('SELECT max(revision) AS newest FROM revisions').get()
      return {
        revision: Math.max(Number(newest?.newest ?? 0), state.revision ?? 0),
        compacted: state.compacted ?? 0,
      }
    },
    /** Deletes what rows in (from, to] superseded, and deletions among them. Cost goes with that range only. */
    compact(from: number, to: number, current: number): void {
      database
        .prepare(
          `DELETE FROM revisions WHERE revision IN
           (SELECT previous FROM revisions WHERE revision > ? AND revision <= ? AND previous > 0)`,
        )
        .run(from, to)
      database
        .prepare('DELETE FROM revisions WHERE revision > ? AND revision <= ? AND deleted = 1')
        .run(from, to)
      setState.run('compacted', to)
      setState.run('revision', current) // the row that bore it may just have gone
    },
  }
}

export type RevisionLog = ReturnType<typeof createRevisionLog>

function itemOf(row: Row): StoredItem {
  return {
    key: String(row.key),
    value: String(row.value),
    modRevision: Number(row.revision),
    createRevision: Number(row.created),
  }
}

function eventOf(row: Row): StoreEvent {
  const key = String(row.key)
  const previousRevision = Number(row.previous)
  const previous: StoredItem | undefined =
    previousRevision === 0
      ? undefined
      : {
          key,
          value: String(row.previous_value),
          modRevision: previousRevision,
          createRevision: Number(row.previous_created),
        }
  if (row.deleted === 0) return { type: 'put', item: itemOf(row), previous }
  return { type: 'delete', key, revision: Number(row.revision), previous: previous! }
}
