import { spawnSync } from 'node:child_process'
import { KernelError } from '../kernel-error.ts'

export interface CommandResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  /** What is tried, for the error. */
  readonly op?: string
  readonly input?: string
  /** Returns the status instead of throwing. */
  readonly mayFail?: boolean
  /** Descriptors that the command inherits as 3, 4, … */
  readonly descriptors?: readonly number[]
}

const MAX_OUTPUT_BYTES = 256 * 1024 * 1024

/** Runs a command of iproute2, nftables or util-linux. Messages are wanted in English: errors are told apart by them. */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): CommandResult {
  const { op = `run ${argv.join(' ')}`, input, mayFail = false, descriptors = [] } = options
  const [command = '', ...args] = argv
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    input: input ?? '',
    maxBuffer: MAX_OUTPUT_BYTES,
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
  })
  if (error) {
    throw new KernelError(op, (error as NodeJS.ErrnoException).code ?? 'EIO', {
      hint: `running ${command}`,
      cause: error,
    })
  }
  if (status !== 0 && !mayFail) {
    throw new KernelError(op, errnoOfMessage(stderr), { hint: stderr.trim() || `${signal}` })
  }
  return { status: status ?? 128, stdout, stderr }
}

/** The C library's words, as iproute2 and nft print them. Only those that callers tell apart. */
const MESSAGES: readonly (readonly [string, string])[] = [
  ['No such file or directory', 'ENOENT'],
  ['File exists', 'EEXIST'],
  ['already exists', 'EEXIST'],
  ['Exclusivity flag on', 'EEXIST'],
  ['Address already assigned', 'EEXIST'],
  ['No such process', 'ESRCH'],
  ['Cannot find device', 'ENODEV'],
  ['No such device', 'ENODEV'],
  ['does not exist', 'ENODEV'],
  ['Cannot assign requested address', 'EADDRNOTAVAIL'],
  ['Address not found', 'EADDRNOTAVAIL'],
  ['Network is unreachable', 'ENETUNREACH'],
  ['invalid gateway', 'ENETUNREACH'],
  ['Operation not permitted', 'EPERM'],
  ['Permission denied', 'EACCES'],
  ['Device or resource busy', 'EBUSY'],
  ['Operation not supported', 'EOPNOTSUPP'],
  ['Resource temporarily unavailable', 'EAGAIN'],
]

/** The errno behind what a command wrote on standard error; `EINVAL` where the message names none. */
export function errnoOfMessage(message: string): string {
  return (
    MESSAGES.find(([text]) => message.toLowerCase().includes(text.toLowerCase()))?.[1] ?? 'EINVAL'
  )
}
