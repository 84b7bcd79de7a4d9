import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../make-folder.ts'
import { isObject } from '../../protocol/fields.ts'

/*
 * What a delegate was called with is kept until it is called for DEL, a file a container: by then the node's subnet may be another one.
 */

/** On the disk before the delegate is called: it must be found after a crash. */
export function saveScratch(dataDir: string, containerID: string, text: string): void {
  makeFolder(dataDir, 0o700)
  const fd = openSync(join(dataDir, containerID), 'w', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Undefined where there is none, or one that was cut off. */
export function loadScratch(dataDir: string, containerID: string): string | undefined {
  const path = join(dataDir, containerID)
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8')
  try {
    return isObject(JSON.parse(text)) ? text : undefined
  } catch {
    return undefined
  }
}

export function removeScratch(dataDir: string, containerID: string): void {
  rmSync(join(dataDir, containerID), { force: true })
}

/** Whose files there are. */
export function listScratch(dataDir: string): readonly string[] {
  return existsSync(dataDir) ? readdirSync(dataDir) : []
}
