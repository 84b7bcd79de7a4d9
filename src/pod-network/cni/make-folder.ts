import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { getSystemErrorMessage } from 'node:util'

/**
 * Makes a folder and those above it that are missing. Node's own `recursive` never returns where the kernel answers ENOENT below a
 * folder that is there, as in /proc, and paths come from configurations of others.
 * @throws Error in Go's words (os.MkdirAll), for that is what runtimes show
 */
export function makeFolder(path: string, mode: number): void {
  if (isFolder(path)) return
  const above = dirname(path)
  if (above !== path) makeFolder(above, mode)
  try {
    mkdirSync(path, { mode })
  } catch (cause) {
    // Another process may have been faster.
    if (isFolder(path)) return
    const { errno = 0 } = cause as NodeJS.ErrnoException
    throw new Error(`mkdir ${path}: ${getSystemErrorMessage(errno)}`, { cause })
  }
}

function isFolder(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found && !found.isDirectory()) throw new Error(`mkdir ${path}: not a directory`)
  return found !== undefined
}
