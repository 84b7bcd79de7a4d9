import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import type { IptablesVariant } from '#kernel/iptables/async-iptables.ts'
import type { Log } from '#log/log.ts'
import type { ProxyMode } from '#service-network/proxy/mode.ts'

const PROGRAM = resolve(import.meta.dirname, '../cli/main.ts')
/** The rules of 30,000 Services take iptables-nft-restore half a minute. */
const MAX_MS = 5 * 60_000

/**
 * Takes away what a proxy before this one left in another mode, or in the other iptables, while this one serves in `mode`: `--cleanup` in a
 * process of its own, since this one lives long and shall not hold the code of every mode. It writes its own lines, and ends with
 * `signal`, when it is `tooLate`, or with this process, however that ends.
 */
export async function cleanUpBeside(
  mode: ProxyMode,
  variant: IptablesVariant | undefined,
  log: Log,
  signal: AbortSignal,
  { program = PROGRAM, tooLate = AbortSignal.timeout(MAX_MS) } = {},
): Promise<void> {
  const args = ['proxy', '--cleanup', `--keep=${mode}`]
  if (variant) args.push(`--iptables-variant=${variant}`)
  const over = AbortSignal.any([signal, tooLate])
  if (over.aborted) return
  const failed = (why: Readonly<Record<string, unknown>>) =>
    log.error(
      `Cannot take away all that other proxies left: \`fairlead ${args.join(' ')}\` tries again`,
      why,
    )
  try {
    const child = fork(program, args, {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const end = () => endGroup(child)
    over.addEventListener('abort', end, { once: true })
    const [code] = await once(child, 'exit').finally(() => over.removeEventListener('abort', end))
    if (signal.aborted || code === 0) return
    failed(tooLate.aborted ? { after: `${MAX_MS / 1000} s` } : { code })
  } catch (error) {
    failed({ error })
  }
}

/** With the commands that it runs. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
