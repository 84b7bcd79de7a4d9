import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { KernelError } from '#kernel/kernel-error.ts'
import { tryLock } from '#kernel/lock/lock.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { isClusterFolder } from './cluster-folder.ts'
import { isClusterName, type Layout, layoutOf, runRoot } from './layout.ts'

/** Something else holds the cluster, or the name. */
export class ClaimError extends Error {
  override readonly name = 'ClaimError'
}

/** Which home a cluster's /run folder belongs to, and since which boot. */
interface Owner {
  readonly name: string
  readonly home: string
  readonly bootID: string
}

/**
 * Takes the name for this home and locks it against another `up` or `down`, until disposed. A claim under which nothing is made
 * leaves nothing.
 * @throws ClaimError
 */
export function claimCluster(layout: Layout, verb: string): Disposable {
  const lock = lockRunFolder(layout)
  const owner = ownerOf(layout)
  // Where /run outlives a boot, what an earlier boot left there holds no name.
  if (owner && owner.home !== layout.home && owner.bootID === bootID()) {
    lock?.[Symbol.dispose]()
    const home = dirname(owner.home)
    throw new ClaimError(
      `Cannot ${verb} cluster ${layout.name}: the name is in use from ${home} (choose another --name, or set FAIRLEAD_HOME=${home})`,
    )
  }
  if (!lock) {
    throw new ClaimError(
      `Cannot ${verb} cluster ${layout.name}: another \`fairlead up\` or \`down\` works on it (wait until it ends, then try again)`,
    )
  }
  const claim = new DisposableStack()
  claim.use(lock)
  claim.defer(() => removeEmptyRunFolder(layout))
  writeFileAtomic(
    layout.ownerFile,
    JSON.stringify({ name: layout.name, home: layout.home, bootID: bootID() } satisfies Owner),
  )
  return claim
}

/** The names that this home holds: those with a cluster's folder, and those of which only /run is left. */
export function ownedNames(homeRoot: string): readonly string[] {
  const names = (folder: string) =>
    existsSync(folder) ? readdirSync(folder).filter(isClusterName) : []
  const inHome = names(homeRoot).filter((name) => isClusterFolder(layoutOf(name, homeRoot)))
  const inRun = names(runRoot()).filter((name) => {
    const layout = layoutOf(name, homeRoot)
    return ownerOf(layout)?.home === layout.home
  })
  return [...new Set([...inHome, ...inRun])].sort()
}

export function ownerOf({ ownerFile }: Layout): Owner | undefined {
  return readOwner(ownerFile)
}

/** Removes what a cluster has in /run, but for the claim itself. */
export function clearRunFolder({ run, ownerFile, lockFile }: Layout): void {
  for (const entry of readdirSync(run)) {
    const path = join(run, entry)
    if (path !== ownerFile && path !== lockFile) rmSync(path, { recursive: true, force: true })
  }
}

/** The lock of the run folder, which is made where it is missing; `undefined` where somebody holds it. */
function lockRunFolder({ run, lockFile }: Layout): Disposable | undefined {
  for (;;) {
    try {
      mkdirSync(run, { recursive: true, mode: 0o700 })
      chmodSync(run, 0o700)
      closeSync(openSync(lockFile, 'a', 0o600))
      const { ino } = statSync(lockFile)
      const lock = tryLock(lockFile)
      // A `down` that ended meanwhile has removed the file: the lock of a file that has no name locks nobody out.
      if (!lock || statSync(lockFile).ino === ino) return lock
      lock[Symbol.dispose]()
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
}

/** The lock goes last, so that nobody takes the name while some of it is left. */
function removeEmptyRunFolder({ run, ownerFile, lockFile }: Layout): void {
  const own = [ownerFile, lockFile]
  if (readdirSync(run).some((entry) => !own.includes(join(run, entry)))) return
  for (const path of own) rmSync(path, { force: true })
  for (const folder of [run, dirname(run)]) {
    try {
      rmdirSync(folder)
    } catch {
      return // Somebody else has come in.
    }
  }
}

function isMissing(error: unknown): boolean {
  if (error instanceof KernelError) return error.errno === 'ENOENT'
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner
  } catch {
    return undefined // Absent, or cut off when the machine stopped: nobody's.
  }
}

function bootID(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
