import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Layout } from './layout.ts'

const root = resolve(import.meta.dirname, '../..')
const PATIENCE_MS = 15_000

/** What says that the objects in somebody else's etcd are this cluster's. */
const claimFile = ({ etcdDir }: Layout) => join(etcdDir, 'claimed')

export function claimStore(layout: Layout): void {
  mkdirSync(layout.etcdDir, { recursive: true, mode: 0o700 })
  writeFileSync(claimFile(layout), '')
}

export function hasClaimedStore(layout: Layout): boolean {
  return existsSync(claimFile(layout))
}

/** Deletes what the cluster keeps in an etcd that stays. Where that cannot be reached, the caller is told and goes on. */
export function clearStore(layout: Layout): void {
  if (!hasClaimedStore(layout)) return
  const { status, stderr } = spawnSync(
    join(root, 'bin/fairlead-node'),
    [join(root, 'src/daemons/clear-store.ts'), '--cluster', layout.home],
    { encoding: 'utf8', timeout: PATIENCE_MS },
  )
  if (status === 0) return
  const why = /^(?:\w*Error|.*\[\w+\]): (.*)$/m.exec(stderr ?? '')?.[1] ?? `it ended with ${status}`
  process.emitWarning(`Cannot delete the objects of cluster ${layout.name} in etcd: ${why}`)
}
