import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type IP, parseIP } from '#ip/ip.ts'
import { tryLock } from '#kernel/lock/lock.ts'
import { makeFolder } from '../../make-folder.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import { type Boot, freeFromEarlierBoots, readBoot } from './free-from-earlier-boots.ts'

export const DEFAULT_DATA_DIR = '/var/lib/cni/networks'
const LOCK_WAIT_MS = 10_000

/** Whose address it is. */
export interface Owner {
  readonly containerID: string
  readonly ifname: string
}

/**
 * The addresses in use of one network, on disk as the reference plugin keeps them, so that either can free what the other
 * allocated: a file an address, named by it, that holds `containerID\r\nifname` (or only the id, as before 0.6);
 * `last_reserved_ip.<range set>`; `lock`, taken by flock(2) around all of it.
 */
export interface AddressFiles {
  /** `false` where the address is taken. */
  reserve(address: IP, owner: Owner, rangeSet: number): boolean
  lastReserved(rangeSet: number): IP | undefined
  list(): readonly AddressFile[]
  release(address: IP): void
}

export interface AddressFile {
  readonly address: IP
  readonly containerID: string
  /** Absent in files of before 0.6: then it is all interfaces of the container. */
  readonly ifname?: string
}

/** Runs `fn` while no other process allocates in this network. */
export async function withAddressFiles<T>(
  { dataDir, network }: { readonly dataDir: string; readonly network: string },
  fn: (files: AddressFiles) => T,
  boot: Boot = readBoot(),
): Promise<T> {
  const directory = join(dataDir, network)
  makeFolder(directory, 0o755)
  const deadline = performance.now() + LOCK_WAIT_MS
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 20)) {
    using lock = tryLock(join(directory, 'lock'))
    if (lock) {
      freeFromEarlierBoots(directory, boot)
      return fn(openAddressFiles(directory))
    }
    if (performance.now() > deadline) {
      throw new CNIError(
        CNI_CODE.tryAgainLater,
        `Cannot lock ${directory}: another process has held it for ${LOCK_WAIT_MS / 1000} s`,
      )
    }
    await delay(pauseMs)
  }
}

export function isOwnedBy(file: AddressFile, { containerID, ifname }: Owner): boolean {
  return file.containerID === containerID && (file.ifname === undefined || file.ifname === ifname)
}

function openAddressFiles(directory: string): AddressFiles {
  const pathOf = (name: string) => join(directory, name)
  return {
    reserve(address, { containerID, ifname }, rangeSet) {
      if (!create(pathOf(address), `${containerID}\r\n${ifname}`)) return false
      overwrite(pathOf(`last_reserved_ip.${rangeSet}`), address)
      return true
    },
    lastReserved(rangeSet) {
      return parseIP(readIfThere(pathOf(`last_reserved_ip.${rangeSet}`))?.trim() ?? '')
    },
    list() {
      return readdirSync(directory).flatMap((name) => {
        const address = parseIP(name)
        const text = address && readIfThere(pathOf(name))
        if (!address || text === undefined) return []
        const [containerID = '', ifname] = text.trim().split('\r\n')
        return [{ address, containerID, ...(ifname !== undefined && { ifname }) }]
      })
    },
    release(address) {
      unlinkSync(pathOf(address))
    },
  }
}

/**
 * In place: a file that is cut to nothing first, ext4 writes to the disk when it is closed. What a process leaves that is killed in between
 * says where to look first, and may say anything.
 */
function overwrite(path: string, content: string): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600)
  try {
    ftruncateSync(fd, writeSync(fd, content, 0))
  } finally {
    closeSync(fd)
  }
}

/** An empty file is the trace of a process that was killed between making and writing it: it belongs to nobody. */
function create(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (readIfThere(path) !== '') return false
  writeFileSync(path, content)
  return true
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
