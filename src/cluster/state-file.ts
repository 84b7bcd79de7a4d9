import { readFileSync } from 'node:fs'
import { writeFileAtomic } from './atomic-file.ts'
import type { Layout } from './layout.ts'
import { type ClusterOptions, checkOptions } from './options.ts'

/** `starting` until the first `up` came through: what it left is removed, never repaired. */
export interface ClusterState {
  readonly version: 1
  readonly phase: 'starting' | 'up'
  readonly options: ClusterOptions
  /** The host port of the API server. */
  readonly apiPort: number
  readonly createdAt: string
}

export class StateFileError extends Error {
  override readonly name = 'StateFileError'
}

/** @throws StateFileError for a file that is there but is none of ours */
export function readState(layout: Layout): ClusterState | undefined {
  const { stateFile, name } = layout
  const text = readText(layout)
  if (text === undefined) return
  const hint = `run \`fairlead down --name ${name}\` to remove the cluster, or restore the file`
  let state: unknown
  try {
    state = JSON.parse(text)
  } catch (cause) {
    throw new StateFileError(
      `Cannot read the state of cluster ${name}: ${stateFile} is not JSON (${hint})`,
      { cause },
    )
  }
  if (!isState(state, name))
    throw new StateFileError(
      `Cannot read the state of cluster ${name}: ${stateFile} does not describe a cluster (${hint})`,
    )
  return state
}

export function writeState(layout: Layout, state: ClusterState): void {
  writeFileAtomic(layout.stateFile, `${JSON.stringify(state, null, 2)}\n`)
}

function isState(value: unknown, name: string): value is ClusterState {
  const { version, phase, apiPort, options } = (value ?? {}) as Partial<ClusterState>
  if (version !== 1 || (phase !== 'starting' && phase !== 'up')) return false
  return Number.isInteger(apiPort) && areOptions(options) && options.name === name
}

function areOptions(value: unknown): value is ClusterOptions {
  const { name, nodeCIDR, podCIDR, serviceCIDR, dnsUpstream, etcdServers } = (value ??
    {}) as ClusterOptions
  const texts: readonly unknown[] = [name, nodeCIDR, podCIDR, serviceCIDR]
  if (!texts.every((text) => typeof text === 'string')) return false
  if (dnsUpstream !== undefined && !Array.isArray(dnsUpstream)) return false
  if (etcdServers !== undefined && !Array.isArray(etcdServers)) return false
  return checkOptions(value as ClusterOptions).length === 0
}

function readText({ stateFile, name }: Layout): string | undefined {
  try {
    return readFileSync(stateFile, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    const hint = code === 'EACCES' ? 'call it with sudo' : `look at ${stateFile}`
    throw new StateFileError(`Cannot read the state of cluster ${name}: ${code} (${hint})`, {
      cause,
    })
  }
}
