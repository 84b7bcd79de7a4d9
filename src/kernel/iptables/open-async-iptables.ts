import type { Family } from '#ip/ip.ts'
import { KernelError } from '../kernel-error.ts'
import { enterArgv } from '../netns/command-netns.ts'
import { type Netns, openNetns } from '../netns/netns.ts'
import type { AsyncIptables, IptablesVariant } from './async-iptables.ts'
import { errnoOfFailure, hintOfFailure } from './iptables-error.ts'
import { parseVersion } from './iptables-version.ts'
import { type ProcessResult, runProcess } from './run-process.ts'

export interface AsyncIptablesOptions {
  readonly family: Family
  /** By default what the plain name `iptables` stands for on this system. */
  readonly variant?: IptablesVariant
  /** The caller's own by default. */
  readonly netns?: Netns
  /** The legacy variant's lock. All namespaces share /run/xtables.lock, and would wait for each other: give each node its own. */
  readonly lockFile?: string
  /** How long to wait for that lock. */
  readonly lockSeconds?: number
}

/** As kube-proxy waits (k/k pkg/util/iptables: WaitSecondsValue). */
const LOCK_SECONDS = 5

/** @throws KernelError where the command is missing or too old */
export async function openAsyncIptables(options: AsyncIptablesOptions): Promise<AsyncIptables> {
  const { family, lockFile, lockSeconds = LOCK_SECONDS } = options
  const held = options.netns && openNetns(`/proc/self/fd/${options.netns.fd}`)
  const command = `${family === 4 ? 'iptables' : 'ip6tables'}${options.variant ? `-${options.variant}` : ''}`
  const env = lockFile === undefined ? {} : { XTABLES_LOCKFILE: lockFile }
  const wait = ['-w', `${lockSeconds}`]
  let open = true
  let last: Promise<unknown> = Promise.resolve()

  /** One after another: two at once would only wait for each other's lock. */
  const start = (argv: readonly string[], input = ''): Promise<ProcessResult> => {
    if (!open) throw new KernelError(`run ${argv[0]}`, 'EBADF', { hint: 'it was closed' })
    const started = last.then(() => runProcess([...enterArgv(held), ...argv], { input, env }))
    last = started.catch(() => {})
    return started
  }
  const must = async (op: string, argv: readonly string[], input = ''): Promise<string> => {
    const { status, stdout, stderr } = await start(argv, input)
    if (status === 0) return stdout
    throw new KernelError(op, errnoOfFailure(status, stderr), {
      hint: hintOfFailure(stderr, input),
    })
  }
  try {
    const known = parseVersion(await must('use iptables', [command, '--version']))
    return {
      family,
      ...known,
      async restore(script) {
        await must(
          'restore iptables rules',
          [`${command}-restore`, ...wait, '--noflush', '--counters'],
          script,
        )
      },
      save: (table) =>
        must('save iptables rules', [`${command}-save`, ...(table ? ['-t', table] : [])]),
      run: (args) => must(`run ${command} ${args.join(' ')}`, [command, ...wait, ...args]),
      async has(table, chain, rule) {
        const argv = [command, ...wait, '-t', table, '-C', chain, ...rule]
        const { status, stderr } = await start(argv)
        // 1: no such rule, or no chain that it could be in or go to. Others: the lock, or what iptables cannot read.
        if (status <= 1) return status === 0
        if (errnoOfFailure(status, stderr) === 'ENOENT') return false
        throw new KernelError(`look for a rule in ${chain}`, errnoOfFailure(status, stderr), {
          hint: hintOfFailure(stderr, ''),
        })
      },
      [Symbol.dispose]() {
        if (open) void last.finally(() => held?.[Symbol.dispose]())
        open = false
      },
    }
  } catch (error) {
    held?.[Symbol.dispose]()
    throw error
  }
}
