import type { Family } from '#ip/ip.ts'
import { openNamespaceRunner } from '../command/namespace-runner.ts'
import { errnoOfMessage } from '../command/run-command.ts'
import { KernelError } from '../kernel-error.ts'
import type { Netns } from '../netns/netns.ts'
import { splitRestoreLine } from './parse-save.ts'

/**
 * iptables of one network namespace, by the machine's own iptables(8): whichever that is (nft or legacy), the other programs that
 * write rules here use the same one.
 */
export interface Iptables extends Disposable {
  /**
   * Runs one script of iptables-restore(8) with --noflush: each table of it changes wholly or not at all, and rules that the script
   * does not name stay. @throws KernelError with iptables' own message; ENOENT where iptables is not installed
   */
  restore(family: Family, script: string): void
  /** `iptables-save`: of one table, or of those that exist. */
  save(family: Family, table?: string): string
  /**
   * The rules of one chain, each as arguments to `iptables`: `['-A', CHAIN, …]`. Undefined where there is no such chain. Cheap on a node
   * with many rules, which {@link save} is not.
   */
  list(family: Family, table: string, chain: string): readonly (readonly string[])[] | undefined
}

/** Legacy iptables takes a lock of the whole machine: how long to wait for it. */
const LOCK_WAIT_SECONDS = 10

/** Of legacy, and of the nft variant, which says of a missing chain that it is incompatible (1.8.9). */
const NO_CHAIN =
  /No chain\/target\/match by that name|does not exist|is incompatible, use 'nft' tool/

/** iptables of `netns`, by default the caller's. */
export function openIptables(netns?: Netns): Iptables {
  const runner = openNamespaceRunner(netns)
  const run = (op: string, argv: readonly string[], input: string) => {
    const { status, stdout, stderr } = runner.run(argv, { op, input, mayFail: true })
    if (status === 0) return stdout
    throw new KernelError(op, errnoOfMessage(stderr), { hint: stderr.trim() || `exit ${status}` })
  }
  return {
    restore(family, script) {
      const argv = [`${programOf(family)}-restore`, '--noflush', '-w', `${LOCK_WAIT_SECONDS}`]
      run('commit iptables transaction', argv, script)
    },
    save(family, table) {
      const argv = [`${programOf(family)}-save`, ...(table === undefined ? [] : ['-t', table])]
      return run(`list iptables ${table ?? 'rules'}`, argv, '')
    },
    list(family, table, chain) {
      const op = `list iptables chain ${chain}`
      const argv = [programOf(family), '-w', `${LOCK_WAIT_SECONDS}`, '-t', table, '-S', chain]
      try {
        return run(op, argv, '')
          .split('\n')
          .filter((line) => line.startsWith('-A '))
          .map(splitRestoreLine)
      } catch (error) {
        // Of a chain: the program itself missing is no answer.
        if (error instanceof KernelError && NO_CHAIN.test(error.message)) return undefined
        throw error
      }
    },
    [Symbol.dispose]: () => runner[Symbol.dispose](),
  }
}

/**
 * One word of a script, whatever it holds: iptables-restore reads `"…"` as one word, where a backslash takes the next character as it is.
 * @throws KernelError where it holds a line break or a zero byte, which no word can
 */
export function quoteIptables(word: string): string {
  if (/[\n\r\0]/.test(word)) {
    throw new KernelError('write iptables script', 'EINVAL', { hint: 'a word has a line break' })
  }
  return /^[\w./:,=!+-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, '\\$&')}"`
}

function programOf(family: Family): string {
  return family === 4 ? 'iptables' : 'ip6tables'
}
