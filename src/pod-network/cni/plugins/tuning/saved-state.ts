import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { makeFolder } from '../../make-folder.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { isObject } from '../../protocol/fields.ts'

/** What an interface was before it was tuned, in the reference's format: only what was changed. `sysctl` and `network` are ours. */
export interface SavedState {
  readonly mac?: string
  readonly promisc?: boolean
  readonly mtu?: number
  readonly allmulti?: boolean
  readonly txQLen?: number
  readonly sysctl?: Readonly<Record<string, string>>
  readonly network?: string
}

type Owner = Pick<CNICall, 'containerID' | 'ifname'>

export function saveState(dataDir: string, owner: Owner, state: SavedState): void {
  const path = pathOf(dataDir, owner)
  makeFolder(dirname(path), 0o700)
  writeFileSync(`${path}.tmp`, JSON.stringify(state, undefined, 1), { mode: 0o600 })
  renameSync(`${path}.tmp`, path)
}

/** Undefined where nothing was saved, or nothing that can be read: then there is nothing to go back to. */
export function loadState(dataDir: string, owner: Owner): SavedState | undefined {
  return readState(pathOf(dataDir, owner))
}

function readState(path: string): SavedState | undefined {
  if (!existsSync(path)) return undefined
  try {
    const state: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isObject(state) ? state : undefined
  } catch {
    return undefined
  }
}

export function removeState(dataDir: string, owner: Owner): void {
  rmSync(pathOf(dataDir, owner), { force: true })
}

/** Removes what is kept of attachments of `network` that are none of `valid`. */
export function collectStates(dataDir: string, network: string, valid: readonly Owner[]): void {
  const names = existsSync(dataDir) ? readdirSync(dataDir) : []
  for (const name of names) {
    if (!name.endsWith('.json') || valid.some((owner) => nameOf(owner) === name)) continue
    const path = join(dataDir, name)
    if (readState(path)?.network === network) rmSync(path, { force: true })
  }
}

/** Neither name holds a slash: that was checked with the call. */
function nameOf({ containerID, ifname }: Owner): string {
  return `${containerID}_${ifname}.json`
}

function pathOf(dataDir: string, owner: Owner): string {
  return join(dataDir, nameOf(owner))
}
