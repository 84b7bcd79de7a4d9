import { globSync } from 'node:fs'
import { join } from 'node:path'
import { KernelError } from '#kernel/kernel-error.ts'
import { openNetns } from '#kernel/netns/netns.ts'
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
  return new Set(netnsFiles(layout).flatMap((path) => netnsInodeAt(path) ?? []))
}

/** The inode of the network namespace bound at `path`; `undefined` where there is no file, or a plain one. */
export function netnsInodeAt(path: string): bigint | undefined {
  try {
    using netns = openNetns(path)
    return netns.inode
  } catch (error) {
    if (error instanceof KernelError && ['EINVAL', 'ENOENT'].includes(error.errno)) return undefined
    throw error
  }
}

export function membersOf(inodes: ReadonlySet<bigint>): readonly Member[] {
  return [...inodes].flatMap((netnsInode) =>
    processesIn(netnsInode).map((pid) => ({ pid, netnsInode })),
  )
}
