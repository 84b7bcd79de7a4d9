import { readFileSync } from 'node:fs'

/** The pids of nginx's workers by its master's. Empty where the kernel does not tell (CONFIG_PROC_CHILDREN). */
export function workersOf(master: number): readonly number[] {
  return read(`/proc/${master}/task/${master}/children`)
    .split(' ')
    .filter((pid) => pid !== '')
    .map(Number)
}

/** Whether a worker still takes requests: one that was told to quit says so in its title, until its last request ends. */
export function isAccepting(worker: number): boolean {
  const title = read(`/proc/${worker}/cmdline`)
  return title.startsWith('nginx: worker process') && !title.includes('shutting down')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
