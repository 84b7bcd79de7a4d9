import { existsSync, readFileSync } from 'node:fs'
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
export function readState({ stateFile, name }: Layout): ClusterState | undefined {
  if (!existsSync(stateFile)) return
  const hint = `run \`fairlead down --name ${name}\` to remove the cluster, or restore the file`
  let state: Partial<ClusterState> | null
  try {
    state = JSON.parse(readFileSync(stateFile, 'utf8')) as Partial<ClusterState> | null
  } catch (cause) {
    throw new StateFileError(
      `Cannot read the state of cluster ${name}: ${stateFile} is not JSON (${hint})`,
      { cause },
    )
  }
  const valid =
    typeof state === 'object' &&
    state !== null &&
    state.version === 1 &&
    (state.phase === 'starting' || state.phase === 'up') &&
    Number.isInteger(state.apiPort) &&
    typeof state.options === 'object' &&
    checkOptions(state.options as ClusterOptions).length === 0
  if (!valid)
    throw new StateFileError(
      `Cannot read the state of cluster ${name}: ${stateFile} does not describe a cluster (${hint})`,
    )
  return state as ClusterState
}

export function writeState(layout: Layout, state: ClusterState): void {
  writeFileAtomic(layout.stateFile, `${JSON.stringify(state, null, 2)}\n`)
}
