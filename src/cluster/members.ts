import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { processesIn } from '#kernel/process/process.ts'
import type { Layout } from './layout.ts'

/** A process that lives in a namespace of the cluster, started by the cluster or by a person's `fairlead exec`. */
export interface Member {
  readonly pid: number
  readonly netnsInode: bigint
}

/** The files at which a cluster's network namespaces are bound: its hosts' and its pods'. */
export function netnsFiles({ run }: Layout): readonly string[] {
  return globSync(['netns/*', 'nodes/*/pods/*/netns'], { cwd: run }).map((file) => join(run, file))
}

/** The inodes of those namespaces. A file that a crash left without a namespace counts for nothing. */
export function netnsInodes(layout: Layout): ReadonlySet<bigint> {
  return new Set(netnsFiles(layout).map((path) => statSync(path, { bigint: true }).ino))
}

export function membersOf(inodes: ReadonlySet<bigint>): readonly Member[] {
  return [...inodes].flatMap((netnsInode) =>
    processesIn(netnsInode).map((pid) => ({ pid, netnsInode })),
  )
}
