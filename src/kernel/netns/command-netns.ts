import { unlinkSync } from 'node:fs'
import { runCommand } from '../command/run-command.ts'
import type { Netns } from './netns.ts'

/** Binds a new namespace to the existing file `path`. */
export function createByCommand(path: string): void {
  try {
    runCommand(['unshare', `--net=${path}`, 'true'], { op: `create network namespace ${path}` })
  } catch (error) {
    unlinkSync(path)
    throw error
  }
}

export function unbindByCommand(path: string): void {
  runCommand(['umount', '--lazy', path], { op: `delete network namespace ${path}` })
}

/** Prefixes a command so that it runs inside `netns`: by descriptor, since the path may be gone or bound anew. */
export function enterArgv(netns: Pick<Netns, 'fd'> | undefined): readonly string[] {
  return netns ? ['nsenter', `--net=/proc/${process.pid}/fd/${netns.fd}`] : []
}
