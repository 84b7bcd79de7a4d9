import { readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { hasEnded, startTimeOf } from '#kernel/process/process.ts'

const PATIENCE_MS = 5000
const POLL_MS = 20

/**
 * Takes the lock that kubectl takes before it changes a kubeconfig: the name `<path>.lock`, which it makes with O_EXCL (client-go
 * tools/clientcmd/loader.go). Ours is a symbolic link that names us: made in one step, and known for stale when we were killed.
 */
export async function lockKubeconfig(path: string): Promise<Disposable> {
  const lock = `${path}.lock`
  const holder = holderOf(process.pid)
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      symlinkSync(holder, lock)
      return { [Symbol.dispose]: () => rmSync(lock, { force: true }) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (isStale(lock)) rmSync(lock, { force: true })
    else if (Date.now() > deadline) {
      throw new Error(
        `Cannot change kubeconfig ${path}: ${lock} is there (another program changes the file; remove it if none does)`,
      )
    } else await delay(POLL_MS)
  }
}

function holderOf(pid: number): string {
  return `fairlead-${pid}-${startTimeOf(pid)}`
}

/** kubectl's own lock is a plain file that tells nothing: it is waited for. */
function isStale(lock: string): boolean {
  try {
    const target = readlinkSync(lock)
    const [, digits] = /^fairlead-(\d+)-/.exec(target) ?? []
    const pid = Number(digits)
    return digits !== undefined && (target !== holderOf(pid) || hasEnded(pid))
  } catch {
    return false
  }
}
