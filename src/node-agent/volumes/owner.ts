import { chmodSync, lchownSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '#api/core.ts'

export interface Owner {
  /** Of all containers, where they run as one user. */
  readonly user?: number
  /** The fsGroup. */
  readonly group?: number
}

/** Whose a pod's volumes are. Source: kubernetes pkg/volume/util/util.go, FsUserFrom. */
export function ownerOf({ spec }: Pod): Owner {
  const { runAsUser, fsGroup } = spec.securityContext ?? {}
  const users = new Set(
    [...(spec.initContainers ?? []), ...spec.containers].map(
      ({ securityContext }) => securityContext?.runAsUser ?? runAsUser,
    ),
  )
  const [user] = users
  return {
    ...(users.size === 1 && user !== undefined ? { user } : {}),
    ...(fsGroup === undefined ? {} : { group: fsGroup }),
  }
}

const READ_WRITE = 0o660
const READ_ONLY = 0o440
/** Who may enter, and that new files are the group's too. */
const DIRECTORY = 0o2110

/** Gives a tree to a group, which may read it, and write it too where that is allowed. Source: pkg/volume/volume_linux.go, SetVolumeOwnership. */
export function giveToGroup(
  path: string,
  group: number,
  rules: { readonly isReadOnly: boolean },
): void {
  const stat = lstatSync(path)
  lchownSync(path, stat.uid, group)
  if (stat.isSymbolicLink()) return
  const own = rules.isReadOnly ? READ_ONLY : READ_WRITE
  chmodSync(path, (stat.mode & 0o7777) | own | (stat.isDirectory() ? DIRECTORY : 0))
  if (!stat.isDirectory()) return
  for (const name of readdirSync(path)) giveToGroup(join(path, name), group, rules)
}
