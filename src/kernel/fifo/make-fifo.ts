import { execFileSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { asKernelError } from '../kernel-error.ts'

/** Makes a named pipe (fifo(7)), whatever the umask. @throws KernelError EEXIST */
export function makeFIFO(path: string, mode: number): void {
  const op = `make pipe ${path}`
  if (kernelBackend() === 'ffi') checked(libc().mkfifo(path, mode), op)
  else {
    try {
      execFileSync('mkfifo', ['--', path], { stdio: 'ignore' })
    } catch (error) {
      throw asKernelError(op, error)
    }
  }
  chmodSync(path, mode)
}
