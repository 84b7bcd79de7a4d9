import { spawn } from 'node:child_process'
import { KernelError } from '../kernel-error.ts'

export interface ProcessResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** 30,000 Services are 120 MB. */
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024
/** iptables-nft-restore has been seen to need 20 s for 30,000 Services. */
const TIMEOUT_MS = 300_000

/** Runs a command to its end without holding up this process. @throws KernelError where it could not be run, or took too long */
export function runProcess(
  [command = '', ...args]: readonly string[],
  { input, env }: { readonly input: string; readonly env: Readonly<Record<string, string>> },
): Promise<ProcessResult> {
  const op = `run ${command}`
  const { promise, resolve, reject } = Promise.withResolvers<ProcessResult>()
  const child = spawn(command, args, {
    env: { ...process.env, LC_ALL: 'C', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  let bytes = 0
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) child.kill('SIGKILL')
      else chunks[name].push(chunk)
    })
  }
  child.on('error', (cause: NodeJS.ErrnoException) => {
    const hint = cause.code === 'ENOENT' ? `install the package iptables` : cause.message
    reject(new KernelError(op, cause.code ?? 'EIO', { hint, cause }))
  })
  child.on('close', (status, signal) => {
    const text = (name: keyof typeof chunks) => Buffer.concat(chunks[name]).toString()
    if (status !== null) resolve({ status, stdout: text('stdout'), stderr: text('stderr') })
    else
      reject(new KernelError(op, 'EINTR', { hint: `ended by ${signal}: ${text('stderr').trim()}` }))
  })
  // A command that fails early does not read all of its input, and says why.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return promise
}
