import { closeSync, writeFileSync } from 'node:fs'
import { checked, libc } from './libc.ts'

const MFD_CLOEXEC = 1

/** Gives `text` to a C function that wants a file, without a disk: memfd_create(2). */
export function withMemoryFile<T>(text: string, use: (path: string) => T): T {
  const fd = checked(libc().memfd_create('fairlead', MFD_CLOEXEC), 'make a file in memory')
  try {
    writeFileSync(fd, text)
    return use(`/proc/self/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}
