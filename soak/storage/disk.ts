/**
 * A disk that loses power: a file with an ext4 on it, mounted over a loop device. `losePower` shuts the file system
 * down by its own ioctl (EXT4_IOC_SHUTDOWN without flushing its journal, as xfstests' `godown` does). From then on
 * nothing more is written, and the next mount finds what the journal holds.
 *
 * What it plays: the page cache is gone, and so is what was appended to a file, made or renamed, without an fsync that
 * returned. With synchronous=NORMAL acknowledged writes are lost on it, which shows that it would find such a loss.
 *
 * What it does not play:
 * - A machine that goes with its disk. Programs run on, and an fsync that is under way in the ioctl may return 0 for
 *   what is not there: its transaction is aborted and over when jbd2_complete_transaction asks for it, and what is
 *   over counts as committed there (fs/jbd2/journal.c; of 300 plays on a busy machine 21 ended so). Who plays a loss
 *   of power therefore stops first all who write and would tell of it (SIGSTOP): a thread in fsync is then stopped
 *   before it learns what came of it.
 * - A drive that loses what it has been sent and not yet been told to flush, or writes half a block. The blocks that
 *   reached the loop device stay, synced or not; so does what is written over in place by the time of the loss.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { libc } from '#kernel/ffi/libc.ts'

export interface Disk extends Disposable {
  readonly folder: string
  /** What writes to it must have been stopped. */
  losePower(): void
  /** Nothing may have files open on it. */
  comeBack(): void
}

/** _IOR('X', 125, __u32), fs/ext4/ext4.h. */
const EXT4_IOC_SHUTDOWN = 0x8004587d
/** EXT4_GOING_FLAGS_NOLOGFLUSH */
const WITHOUT_FLUSH = 2
const SIZE = '256M'

/** @throws Error where this machine cannot mount a file (root is needed, and a loop device) */
export function createDisk(folder: string): Disk {
  const mounted = join(folder, 'disk')
  mkdirSync(mounted)
  let image = join(folder, 'disk-0.img')
  let losses = 0
  run(['truncate', '-s', SIZE, image])
  run(['mkfs.ext4', '-q', '-F', image])
  const mount = () => run(['mount', '-o', 'loop', image, mounted])
  mount()
  return {
    folder: mounted,
    losePower() {
      const descriptor = openSync(mounted, 'r')
      const flags = Buffer.alloc(4)
      flags.writeUInt32LE(WITHOUT_FLUSH)
      const result = libc().ioctl(descriptor, BigInt(EXT4_IOC_SHUTDOWN), flags)
      closeSync(descriptor)
      if (result !== 0)
        throw new Error('Cannot shut the file system down: EXT4_IOC_SHUTDOWN was refused')
    },
    comeBack() {
      // What reached the device goes on as a device of its own: the old one may live on in the mount namespace of a
      // process that was started meanwhile, and would be found again, shut down.
      const after = join(folder, `disk-${++losses}.img`)
      run(['cp', '--sparse=always', image, after])
      run(['umount', mounted])
      rmSync(image)
      image = after
      mount()
    },
    [Symbol.dispose]: () => void spawnSync('umount', [mounted]),
  }
}

function run(command: readonly string[]): void {
  const { status, stderr } = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' })
  if (status !== 0) throw new Error(`Cannot make a disk: \`${command.join(' ')}\`: ${stderr}`)
}
