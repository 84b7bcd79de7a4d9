import { openNamespaceRunner } from '../command/namespace-runner.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'

/** ipset(8) in one network namespace: a process for a call, several changes in a call. */
export interface IPSets extends Disposable {
  /**
   * Runs lines of `ipset restore` in order: `create NAME TYPE …`, `add NAME ENTRY`, `del NAME ENTRY`, `destroy NAME`. What is there already, or
   * is gone already, is no error. Not one transaction: what stood before a line at fault is done.
   * @throws KernelError with ipset's own message
   */
  restore(lines: readonly string[]): void
  /** By name, the entries as ipset prints them. */
  list(): ReadonlyMap<string, ReadonlySet<string>>
}

export function openIPSets(netns?: Netns): IPSets {
  const runner = openNamespaceRunner(netns)
  const run = (op: string, args: readonly string[], input = '') => {
    const { status, stdout, stderr } = runner.run(['ipset', ...args], { op, input, mayFail: true })
    if (status === 0) return stdout
    throw new KernelError(op, errnoOf(stderr), { hint: stderr.trim() })
  }
  return {
    restore(lines) {
      if (lines.length === 0) return
      const op = 'change IP sets'
      if (lines.some((line) => /[\n\0]/.test(line))) {
        throw new KernelError(op, 'EINVAL', { hint: 'a line is more than one' })
      }
      run(op, ['-exist', 'restore'], `${lines.join('\n')}\n`)
    },
    list: () => parseSave(run('list IP sets', ['save'])),
    [Symbol.dispose]: () => runner[Symbol.dispose](),
  }
}

/** Reads what `ipset save` prints. */
export function parseSave(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const sets = new Map<string, Set<string>>()
  for (const line of text.split('\n')) {
    const [verb, name = '', entry = ''] = line.split(' ')
    if (verb === 'create') sets.set(name, new Set())
    else if (verb === 'add') sets.get(name)?.add(entry)
  }
  return sets
}

function errnoOf(message: string): string {
  if (message.includes('does not exist')) return 'ENOENT'
  if (message.includes('in use')) return 'EBUSY'
  if (message.includes('cannot open session to kernel')) return 'ENOSYS'
  return 'EINVAL'
}
