import { kernelBackend } from '../backend.ts'
import { runCommand } from '../command/run-command.ts'
import { lastErrno, libc } from '../ffi/libc.ts'
import { KernelError } from '../kernel-error.ts'

/** MNT_DETACH of umount2(2): gone from the tree at once, freed when its last user is. */
const MNT_DETACH = 2

/** Unmounts what is mounted last at `path`; `false` where nothing is. @throws KernelError */
export function detachMount(path: string): boolean {
  if (kernelBackend() === 'command')
    return runCommand(['umount', '--lazy', path], { mayFail: true }).status === 0
  if (libc().umount2(path, MNT_DETACH) === 0) return true
  const errno = lastErrno()
  if (errno === 'EINVAL' || errno === 'ENOENT') return false
  throw new KernelError(`unmount ${path}`, errno)
}
