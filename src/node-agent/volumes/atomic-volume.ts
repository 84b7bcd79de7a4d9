/**
 * Files that change all at once. A volume holds `..data`, a link to a directory named by a time; each file that a user sees is a
 * link through `..data`. New content goes into a new directory, and renaming a new `..data` over the old one is the change.
 * The layout is the kubelet's: programs watch for `..data`.
 */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { giveToGroup } from './owner.ts'
import type { VolumeFile } from './plan-volume.ts'

/** Makes the volume hold exactly these files. Does nothing, and says so, where it already does. */
export function writeVolume(
  directory: string,
  files: readonly VolumeFile[],
  now: Date,
  group?: number,
): boolean {
  mkdirSync(directory, { recursive: true })
  const data = join(directory, '..data')
  const old = readLink(data)
  if (old !== undefined && holds(join(directory, old), files)) return false
  const fresh = mkdtempSync(join(directory, `..${now.toISOString().replace(/\D/g, '_')}`))
  chmodSync(fresh, 0o755)
  for (const { path, bytes, mode, user } of files) {
    const target = join(fresh, path)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, bytes)
    chmodSync(target, mode) // not subject to umask
    if (user !== undefined) chownSync(target, user, -1)
  }
  if (group !== undefined) giveToGroup(fresh, group, { isReadOnly: true })
  const link = join(directory, '..data_tmp')
  rmSync(link, { force: true })
  symlinkSync(fresh.slice(directory.length + 1), link)
  renameSync(link, data)
  linkNames(directory, files)
  if (old !== undefined) rmSync(join(directory, old), { recursive: true, force: true })
  return true
}

function linkNames(directory: string, files: readonly VolumeFile[]): void {
  const names = new Set(files.map(({ path }) => path.split('/', 1)[0]!))
  const present = readdirSync(directory).filter((name) => !name.startsWith('..'))
  for (const name of present)
    if (!names.has(name)) rmSync(join(directory, name), { recursive: true })
  for (const name of names)
    if (!present.includes(name)) symlinkSync(join('..data', name), join(directory, name))
}

function holds(directory: string, files: readonly VolumeFile[]): boolean {
  try {
    const present = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile(),
    )
    return (
      present.length === files.length &&
      files.every(({ path, bytes }) => readFileSync(join(directory, path)).equals(bytes))
    )
  } catch {
    return false
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
