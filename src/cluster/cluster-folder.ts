import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Layout } from './layout.ts'
import { readState } from './state-file.ts'

/** Whether a cluster, or what a crash left of one, is in `home`. A folder of a person's own that has its name is none. */
export function isClusterFolder(layout: Layout): boolean {
  const entries = entriesOf(layout.home)
  return entries.length > 0 && foreignEntries(layout, entries).length === 0
}

/** Removes `home`. @throws Error, before anything is removed, where the folder is not a cluster's */
export function removeClusterFolder(layout: Layout): void {
  refuseForeignFolder(layout)
  // The state goes last: it tells what the folder is, however often its removal is cut short.
  for (const entry of entriesOf(layout.home)) {
    const path = join(layout.home, entry)
    if (path !== layout.stateFile) rmSync(path, { recursive: true, force: true })
  }
  rmSync(layout.home, { recursive: true, force: true })
}

/** @throws Error where `home` is a folder that somebody else made */
export function refuseForeignFolder(layout: Layout): void {
  const [entry] = foreignEntries(layout, entriesOf(layout.home))
  if (entry !== undefined) {
    throw new Error(
      `Cannot use ${layout.home} for cluster ${layout.name}: it holds ${entry}, which is no part of a cluster (choose another --name or FAIRLEAD_HOME)`,
    )
  }
}

/** Nothing is foreign beside the state of the cluster of that name; without one, only what a cluster is made of is known. */
function foreignEntries(layout: Layout, entries: readonly string[]): readonly string[] {
  const parts = [
    layout.etcdDir,
    layout.pkiDir,
    layout.kubeconfigDir,
    layout.logDir,
    layout.processDir,
  ]
  const names = [...parts.map((path) => basename(path)), 'nodes']
  const prefixes = [basename(layout.stateFile), basename(layout.database)]
  const foreign = entries.filter(
    (entry) => !names.includes(entry) && !prefixes.some((prefix) => entry.startsWith(prefix)),
  )
  return foreign.length > 0 && hasOwnState(layout) ? [] : foreign
}

function hasOwnState(layout: Layout): boolean {
  try {
    return readState(layout)?.options.name === layout.name
  } catch {
    return false
  }
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return [] // a file of a person's own beside the clusters
    throw error
  }
}
