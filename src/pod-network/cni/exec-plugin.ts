import { type ChildProcess, spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { CNIEnvironment } from './protocol/cni-call.ts'
import { CNI_CODE, CNIError } from './protocol/cni-error.ts'
import { readFields } from './protocol/fields.ts'

const TRIES = 5
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

/** Looks for an executable named `type`. @throws CNIError with libcni's message */
export async function findPlugin(type: string, directories: readonly string[]): Promise<string> {
  if (type === '' || /[/\\]/.test(type)) {
    throw new CNIError(CNI_CODE.internal, `invalid plugin name: ${type}`)
  }
  for (const directory of directories) {
    const path = join(directory, type)
    if (await isExecutable(path)) return path
  }
  const where = `[${directories.join(' ')}]`
  throw new CNIError(CNI_CODE.internal, `failed to find plugin "${type}" in path ${where}`)
}

/**
 * Runs a plugin as a process. @returns what it printed; what it wrote to standard error is part of the error, if there is one
 * @throws CNIError its own, or 999 where it ended without one
 */
export async function execPlugin(
  path: string,
  env: CNIEnvironment,
  stdin: Uint8Array | string,
): Promise<string> {
  for (let tried = 1; ; tried++) {
    try {
      return await execOnce(path, env, stdin)
    } catch (error) {
      // Somebody is installing it right now.
      if ((error as NodeJS.ErrnoException).code !== 'ETXTBSY' || tried === TRIES) throw error
      await delay(1000)
    }
  }
}

async function execOnce(
  path: string,
  env: CNIEnvironment,
  stdin: Uint8Array | string,
): Promise<string> {
  const child = spawn(path, [], { env: { ...process.env, ...env }, stdio: 'pipe' })
  const ended = Promise.withResolvers<number | NodeJS.Signals | null>()
  child.once('error', ended.reject)
  child.once('close', (code, signal) => ended.resolve(code ?? signal))
  const [stdout, stderr] = [collect(child, 'stdout'), collect(child, 'stderr')]
  // A plugin need not read what it has no use for.
  child.stdin?.on('error', () => {}).end(stdin)
  const status = await ended.promise
  if (status === 0) return stdout()
  throw parseError(path, status, stdout(), stderr())
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  const chunks: Buffer[] = []
  let length = 0
  child[name]?.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_OUTPUT_BYTES) child.kill('SIGKILL')
    else chunks.push(chunk)
  })
  return () => Buffer.concat(chunks).toString('utf8')
}

function parseError(
  path: string,
  status: number | string | null,
  stdout: string,
  stderr: string,
): CNIError {
  try {
    const fields = readFields(JSON.parse(stdout))
    const [code, message] = [fields.number('code'), fields.text('msg')]
    if (code !== undefined && message !== undefined) {
      return new CNIError(code, message, { details: fields.text('details') ?? '' })
    }
  } catch {
    // Not an error of the specification: its words are all there is.
  }
  const said = (stdout || stderr).trim()
  return new CNIError(CNI_CODE.internal, `Cannot run CNI plugin ${path}: it ended with ${status}`, {
    details: said,
  })
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
