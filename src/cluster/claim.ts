import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { tryLock } from '#kernel/lock/lock.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { type Layout, runRoot } from './layout.ts'

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
 * Takes the name for this home and locks it against another `up` or `down`, until disposed.
 * @throws ClaimError
 */
export function claimCluster(layout: Layout, verb: string): Disposable {
  mkdirSync(layout.run, { recursive: true, mode: 0o700 })
  chmodSync(layout.run, 0o700)
  const owner = ownerOf(layout)
  if (owner && owner.home !== layout.home) {
    throw new ClaimError(
      `Cannot ${verb} cluster ${layout.name}: the name is in use from ${dirname(owner.home)} (choose another --name, or set FAIRLEAD_HOME=${dirname(owner.home)})`,
    )
  }
  const lock = tryLock(layout.lockFile)
  if (!lock) {
    throw new ClaimError(
      `Cannot ${verb} cluster ${layout.name}: another \`fairlead up\` or \`down\` works on it (wait until it ends, then try again)`,
    )
  }
  // A `down` that ended meanwhile has removed the folder: what we hold then locks nobody out.
  if (!existsSync(layout.lockFile)) {
    lock[Symbol.dispose]()
    return claimCluster(layout, verb)
  }
  writeFileAtomic(
    layout.ownerFile,
    JSON.stringify({ name: layout.name, home: layout.home, bootID: bootID() } satisfies Owner),
  )
  const once = new DisposableStack()
  once.use(lock)
  return once
}

/** The names that this home holds: those with state, and those of which only /run is left. */
export function ownedNames(homeRoot: string): readonly string[] {
  const entries = (folder: string) =>
    existsSync(folder)
      ? readdirSync(folder, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map(({ name }) => name)
      : []
  const inHome = entries(homeRoot).filter((name) => !name.startsWith('.'))
  const inRun = entries(runRoot()).filter((name) => {
    const owner = readOwner(`${runRoot()}/${name}/owner.json`)
    return owner !== undefined && dirname(owner.home) === homeRoot
  })
  return [...new Set([...inHome, ...inRun])].sort()
}

export function ownerOf({ ownerFile }: Layout): Owner | undefined {
  return readOwner(ownerFile)
}

/** Removes the folder that holds all clusters' run folders, once none is left in it. */
export function releaseRunRoot(): void {
  try {
    rmdirSync(runRoot())
  } catch {
    // Another cluster lives there.
  }
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
