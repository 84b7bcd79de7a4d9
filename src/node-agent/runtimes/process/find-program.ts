import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { posix } from 'node:path'

/** As the kernel's limit of links in one path (path_resolution(7)). */
const MAX_LINKS = 40

/** Where a program is looked for. */
export interface ProgramPlace {
  /** What the container sees as `/`, as this process sees it: `/proc/PID/root`. */
  readonly root: string
  readonly workingDir: string
  /** The value of PATH. */
  readonly path: string
}

/**
 * Why a container cannot run this program, in the words of runc (Go's os/exec LookPath); undefined where it can.
 * Links are followed inside the container's root, never out of it.
 */
export function programProblem(program: string, place: ProgramPlace): string | undefined {
  const name = `exec: ${JSON.stringify(program)}`
  if (!program.includes('/')) {
    const isThere = place.path
      .split(':')
      .some((folder) => problemOf(posix.join(folder || '.', program), place) === undefined)
    return isThere ? undefined : `${name}: executable file not found in $PATH`
  }
  const problem = problemOf(program, place)
  return problem && `${name}: ${problem}`
}

function problemOf(path: string, { root, workingDir }: ProgramPlace): string | undefined {
  const found = resolveInside(root, posix.resolve(workingDir, path))
  if (!found) return `stat ${path}: no such file or directory`
  if (found.isDirectory()) return 'is a directory'
  return (found.mode & 0o111) === 0 ? 'permission denied' : undefined
}

/** What an absolute path leads to when `root` is `/`. */
function resolveInside(root: string, path: string): Stats | undefined {
  let at = '/'
  let found = statOf(root)
  const rest = path.split('/').filter(Boolean)
  for (let links = 0; rest.length > 0; ) {
    const next = posix.join(at, rest.shift()!)
    found = statOf(root + next)
    if (!found) return undefined
    if (!found.isSymbolicLink()) {
      at = next
      continue
    }
    if (++links > MAX_LINKS) return undefined
    const target = posix.resolve(at, readlinkSync(root + next))
    rest.unshift(...target.split('/').filter(Boolean))
    at = '/'
  }
  return found
}

const statOf = (path: string): Stats | undefined => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined // below what is no folder, or the container ended
  }
}
