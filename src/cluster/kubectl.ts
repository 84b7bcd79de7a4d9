import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

const OLDEST_MINOR = 27

/** Where set-up keeps its own copy; `$FAIRLEAD_KUBECTL` names another place, or a kubectl to use. */
export const ownKubectl =
  process.env.FAIRLEAD_KUBECTL ??
  resolve(import.meta.dirname, '../../node_modules/.cache/fairlead/kubectl')

/** The kubectl to call: ours where set-up had to bring one, else the one in PATH. @throws where neither is there */
export function findKubectl(): string {
  if (existsSync(ownKubectl)) return ownKubectl
  if (isRecentKubectl('kubectl')) return 'kubectl'
  throw new Error(
    'Cannot find kubectl 1.27 or newer: neither in PATH nor fetched (run `npm run setup`)',
  )
}

/** Whether `command` is a kubectl that reads OpenAPI v3 (1.27 or newer). */
export function isRecentKubectl(command: string): boolean {
  const { status, stdout } = spawnSync(command, ['version', '--client', '-o', 'json'], {
    encoding: 'utf8',
  })
  if (status !== 0) return false
  const { clientVersion } = JSON.parse(stdout) as {
    clientVersion?: { major: string; minor: string }
  }
  return (
    Number(clientVersion?.major) > 1 ||
    Number.parseInt(clientVersion?.minor ?? '0', 10) >= OLDEST_MINOR
  )
}
