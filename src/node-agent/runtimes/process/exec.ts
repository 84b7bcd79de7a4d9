import { spawn } from 'node:child_process'
import type { ExecResult } from '../runtime.ts'
import { environmentOf } from './exec-session.ts'
import type { LastingProcess } from './lasting-process.ts'
import { DEFAULT_PATH } from './render-script.ts'

const MAX_OUTPUT = 10 * 1024 // of an exec probe, as the kubelet

/** Runs a command inside a running container, with its environment and privileges. Standard output and error together. */
export function execInContainer(
  main: LastingProcess,
  privileges: readonly string[],
  command: readonly string[],
  timeoutMs: number,
): Promise<ExecResult> {
  const seconds = String(Math.max(1, timeoutMs) / 1000)
  const child = spawn(
    'nsenter',
    [
      `--target=${main.pid}`,
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--root',
      '--wd',
      '--',
      ...privileges,
      // In there, since a signal to nsenter would not reach what it has started.
      'timeout',
      '--signal=KILL',
      seconds,
      'env',
      '-i',
      ...environmentOf(main),
      ...command,
    ],
    { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: DEFAULT_PATH } },
  )
  let output = ''
  const collect = (data: Buffer) => {
    if (output.length < MAX_OUTPUT) output = (output + data.toString()).slice(0, MAX_OUTPUT)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const { promise, resolve } = Promise.withResolvers<ExecResult>()
  const startedAt = performance.now()
  child.once('error', (error) => resolve({ exitCode: 126, output: error.message, timedOut: false }))
  child.once('close', (code, signal) => {
    const timedOut =
      performance.now() - startedAt >= timeoutMs && (signal === 'SIGKILL' || code === 137)
    resolve({ exitCode: code ?? 137, output, timedOut })
  })
  return promise
}
