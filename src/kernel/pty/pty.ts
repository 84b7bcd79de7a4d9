import { closeSync, constants, openSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { kernelBackend } from '../backend.ts'
import { checked, libc } from '../ffi/libc.ts'
import { asKernelError, KernelError } from '../kernel-error.ts'

export interface Pty extends Disposable {
  /** Non-blocking once node reads from it. The caller's to close. */
  readonly master: number
  /** `/…/pts/3`, in the same file system as the master. */
  readonly slavePath: string
}

/** Source: include/uapi/asm-generic/ioctls.h and ioctl_tty(2); the same on x86-64 and arm64. */
const TIOCSWINSZ = 0x5414n
const TIOCGPTN = 0x8004_5430n
const TIOCSPTLCK = 0x4004_5431n

/** Makes a pseudoterminal in the devpts that `ptmxPath` belongs to. It never becomes this process's own terminal. @throws KernelError */
export function openPty(ptmxPath = '/dev/pts/ptmx'): Pty {
  const op = 'open a pseudoterminal'
  requireFFI(op)
  const master = openTerminal(ptmxPath, op)
  try {
    checked(libc().ioctl(master, TIOCSPTLCK, Buffer.alloc(4)), op)
    const number = Buffer.alloc(4)
    checked(libc().ioctl(master, TIOCGPTN, number), op)
    const slavePath = join(dirname(ptmxPath), String(number.readUInt32LE()))
    return { master, slavePath, [Symbol.dispose]: () => closeSync(master) }
  } catch (error) {
    closeSync(master)
    throw error
  }
}

/** Opens the side for programs. The caller's to close. */
export function openSlave({ slavePath }: Pick<Pty, 'slavePath'>): number {
  return openTerminal(slavePath, `open ${slavePath}`)
}

/** Tells the programs how large their terminal is: they get SIGWINCH. @throws KernelError */
export function setWindowSize(fd: number, columns: number, rows: number): void {
  requireFFI('resize a pseudoterminal')
  const winsize = Buffer.alloc(8) // struct winsize: rows, columns, and two that are not used
  winsize.writeUInt16LE(rows, 0)
  winsize.writeUInt16LE(columns, 2)
  checked(libc().ioctl(fd, TIOCSWINSZ, winsize), 'resize a pseudoterminal')
}

function openTerminal(path: string, op: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOCTTY)
  } catch (error) {
    throw asKernelError(op, error)
  }
}

function requireFFI(op: string): void {
  if (kernelBackend() === 'command')
    throw new KernelError(op, 'ENOSYS', { hint: 'a terminal needs node:ffi' })
}
