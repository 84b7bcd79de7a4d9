import { type Dirent, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

export type HostEntry =
  | { readonly name: string; readonly kind: 'directory' | 'file' }
  | { readonly name: string; readonly kind: 'link'; readonly target: string }

/** The host's file system, as far as planning a root needs it. */
export interface HostTree {
  /** `undefined` where there is no such directory. */
  list(directory: string): readonly HostEntry[] | undefined
}

/** Reads directories as they are asked for. Sockets, pipes and devices are left out. */
export function createHostTree(): HostTree {
  return {
    list(directory) {
      try {
        return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
          toHostEntry(directory, entry),
        )
      } catch {
        return undefined
      }
    },
  }
}

function toHostEntry(directory: string, entry: Dirent): readonly HostEntry[] {
  const { name } = entry
  if (entry.isDirectory()) return [{ name, kind: 'directory' }]
  if (entry.isFile()) return [{ name, kind: 'file' }]
  if (!entry.isSymbolicLink()) return []
  return [{ name, kind: 'link', target: readlinkSync(join(directory, name)) }]
}
