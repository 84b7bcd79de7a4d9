import { closeSync, fstatSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'

/** As the kubelet's containerLogMaxSize and containerLogMaxFiles. */
const MAX_BYTES = 10 * 1024 * 1024
const MAX_FILES = 5

export interface LogFile {
  readonly path: string
  readonly inode: number
  readonly size: number
}

/** A log's files that are there, oldest first: `log.4` … `log.1`, `log`. */
export function logFiles(path: string): readonly LogFile[] {
  const paths = [...Array(MAX_FILES - 1).keys()].map((i) => `${path}.${MAX_FILES - 1 - i}`)
  return [...paths, path].flatMap((each) => {
    try {
      const { ino, size } = statSync(each)
      return [{ path: each, inode: ino, size }]
    } catch {
      return []
    }
  })
}

/** Appends to a log, which is put aside when it is large enough. Only whole entries go to one file. */
export class RotatingLog implements Disposable {
  readonly #path: string
  readonly #maxBytes: number
  #fd: number
  #size: number

  constructor(path: string, maxBytes = MAX_BYTES) {
    this.#path = path
    this.#maxBytes = maxBytes
    this.#fd = openSync(path, 'a', 0o600)
    this.#size = fstatSync(this.#fd).size
  }

  append(entries: Buffer): void {
    if (this.#size > 0 && this.#size + entries.length > this.#maxBytes) this.#rotate()
    for (let done = 0; done < entries.length; ) done += writeSync(this.#fd, entries, done)
    this.#size += entries.length
  }

  #rotate(): void {
    closeSync(this.#fd)
    rmSync(`${this.#path}.${MAX_FILES - 1}`, { force: true })
    for (let i = MAX_FILES - 2; i >= 0; i--) {
      try {
        renameSync(i === 0 ? this.#path : `${this.#path}.${i}`, `${this.#path}.${i + 1}`)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    this.#fd = openSync(this.#path, 'a', 0o600)
    this.#size = 0
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
