import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

const OLDEST_MINOR = 27

/** Where set-up keeps its own copy; `$FAIRLEAD_KUBECTL` names another place, or a kubectl to use. */
export const ownKubectl =
  process.env.FAIRLEAD_KUBECTL ??
  resolve(import.meta.dirname, '../../node_modules/.cache/fairlead/kubectl')

/** The kubectl to call: the one that was named, else that of PATH if it is recent, else set-up's own. @throws where there is none */
export function findKubectl(): string {
  const isNamed = process.env.FAIRLEAD_KUBECTL !== undefined && existsSync(ownKubectl)
  if (!isNamed && isRecentKubectl('kubectl')) return 'kubectl'
  if (existsSync(ownKubectl)) return ownKubectl
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
