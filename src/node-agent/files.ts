import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'

/** Writes a file so that a reader, or a crash, sees the old one or the new one whole. */
export function writeAtomically(path: string, text: string, mode = 0o600): void {
  const temporary = `${path}.new`
  writeFileSync(temporary, text, { mode })
  renameSync(temporary, path)
}

/** `undefined` where there is no such file. */
export function readIfThere(path: string): string | undefined {
  return unlessMissing(() => readFileSync(path, 'utf8'))
}

export function modifiedAt(path: string): Date | undefined {
  return unlessMissing(() => statSync(path).mtime)
}

function unlessMissing<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

/**
 * A name from the API as one segment of a path. The API server allows nothing else in uids and names of containers and volumes; a
 * server that does must not make us write elsewhere. @throws RangeError
 */
export function pathSegment(name: string): string {
  if (/^[a-zA-Z0-9][-._a-zA-Z0-9]{0,252}$/.test(name)) return name
  throw new RangeError(`Cannot use ${JSON.stringify(name)} as a file name`)
}
