import { readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { parseIP } from '#ip/ip.ts'

/*
 * No pod outlives a reboot of its node, but the files of its addresses do, and no runtime need know of them any more
 * (containernetworking/plugins#252, #697): so they are freed when the first call after a reboot comes by. The file `boot_id` says which
 * boot that was. The reference plugin takes it for a file like others, which belongs to nobody.
 */

export interface Boot {
  /** random(4): another one each time. */
  readonly id: string
  readonly startedMs: number
}

const BOOT_ID_FILE = 'boot_id'

export function readBoot(): Boot {
  const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return { id, startedMs: Date.now() - uptime() * 1000 }
}

/** What the reference allocated since the boot is newer than that, and stays. Call it under the lock. */
export function freeFromEarlierBoots(directory: string, { id, startedMs }: Boot): void {
  const file = join(directory, BOOT_ID_FILE)
  if (readIfThere(file) === id) return
  for (const name of readdirSync(directory)) {
    const path = join(directory, name)
    if (parseIP(name) && statSync(path).mtimeMs < startedMs) unlinkSync(path)
  }
  writeFileSync(file, id, { mode: 0o600 })
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
