import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { modifiedAt, pathSegment, readIfThere } from '../../files.ts'
import type { ContainerObservation, ContainerRef, ObservedState } from '../runtime.ts'
import { isRunning, type LastingProcess, parseLastingProcess } from './lasting-process.ts'

/** What the agent writes before it starts a container (`config.json`). The rest of the directory is the container's own account. */
export interface ContainerFile {
  readonly containerID: string
  readonly imageID: string
  readonly backOffMs: number
  readonly createdAt: string
  readonly privileges: readonly string[]
  readonly workingDir?: string
  readonly stdin?: boolean
  readonly stdinOnce?: boolean
  readonly tty?: boolean
}

export function containersDirectory(podDirectory: string): string {
  return join(podDirectory, 'containers')
}

export function attemptDirectory(
  podDirectory: string,
  { name, attempt }: Pick<ContainerRef, 'name' | 'attempt'>,
): string {
  return join(containersDirectory(podDirectory), pathSegment(name), String(attempt))
}

/** All attempts that are on disk, by container name, oldest first. */
export function readContainers(
  podDirectory: string,
  now: Date,
): ReadonlyMap<string, readonly ContainerObservation[]> {
  const directory = containersDirectory(podDirectory)
  return new Map(
    listDirectory(directory).map((name) => {
      const attempts = listDirectory(join(directory, name))
        .map(Number)
        .filter(Number.isInteger)
        .sort((a, b) => a - b)
      return [
        name,
        attempts.flatMap((attempt) =>
          readAttempt(join(directory, name, String(attempt)), attempt, now),
        ),
      ]
    }),
  )
}

/** Of all attempts of all containers of a pod. */
export function attemptDirectories(podDirectory: string): readonly string[] {
  const directory = containersDirectory(podDirectory)
  return listDirectory(directory).flatMap((name) =>
    listDirectory(join(directory, name)).map((attempt) => join(directory, name, attempt)),
  )
}

export function listDirectory(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

export function readContainerFile(directory: string): ContainerFile | undefined {
  const text = readIfThere(join(directory, 'config.json'))
  return text === undefined ? undefined : (JSON.parse(text) as ContainerFile)
}

/** The container's process 1, as long as it runs. */
export function mainProcess(directory: string): LastingProcess | undefined {
  const process = parseLastingProcess(readIfThere(join(directory, 'started')))
  return process && isRunning(process) ? process : undefined
}

/** Process 1 of a container's newest attempt. @throws Error where it does not run */
export function runningMain(podDirectory: string, name: string): LastingProcess {
  const attempt = readContainers(podDirectory, new Date()).get(name)?.at(-1)?.attempt ?? 0
  const main = mainProcess(attemptDirectory(podDirectory, { name, attempt }))
  if (main) return main
  throw new Error(`container ${name} does not run`)
}

function readAttempt(
  directory: string,
  attempt: number,
  now: Date,
): readonly ContainerObservation[] {
  const file = readContainerFile(directory)
  if (!file) return []
  const { containerID, imageID, backOffMs } = file
  return [{ attempt, containerID, imageID, backOffMs, state: stateOf(directory, file, now) }]
}

/** What a command needs to know of a container. @throws Error where it does not run */
export function readRunning(directory: string, name: string) {
  const main = mainProcess(directory)
  const file = readContainerFile(directory)
  if (main && file) return { main, file }
  throw new Error(`Cannot run a command in container ${name}: it does not run`)
}

/** A launch that has not written anything after so long was never begun: the agent died in between. */
const LAUNCH_DEADLINE_MS = 30_000

function stateOf(directory: string, file: ContainerFile, now: Date): ObservedState {
  const createdAt = new Date(file.createdAt)
  const startedText = readIfThere(join(directory, 'started'))
  const main = parseLastingProcess(startedText)
  const startedAt = (main && modifiedAt(join(directory, 'started'))) ?? createdAt
  const exit = /^(\d+)\n$/.exec(readIfThere(join(directory, 'exit')) ?? '')
  if (exit) {
    const finishedAt = modifiedAt(join(directory, 'exit')) ?? now
    return main
      ? exitedWith(Number(exit[1]), startedAt, finishedAt, directory)
      : startFailed(directory, startedAt, finishedAt)
  }
  const recorder = parseLastingProcess(readIfThere(join(directory, 'recorder')))
  if (main && isRunning(main)) {
    const isWatched = recorder && isRunning(recorder)
    return { kind: 'running', startedAt, ...(!isWatched && { unwatched: true }) }
  }
  if (recorder ? isRunning(recorder) : now.getTime() - createdAt.getTime() < LAUNCH_DEADLINE_MS) {
    // Process 1 has just ended and the recorder is about to say how.
    return main ? { kind: 'running', startedAt } : { kind: 'created' }
  }
  return {
    kind: 'exited',
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message:
      'The container could not be located when the pod was looked at: its exit status is lost',
    startedAt,
    finishedAt: now,
  }
}

const MAX_MESSAGE = 4096 // as the kubelet

function exitedWith(
  exitCode: number,
  startedAt: Date,
  finishedAt: Date,
  directory: string,
): ObservedState {
  const message = readIfThere(join(directory, 'termination-log'))?.slice(0, MAX_MESSAGE)
  return {
    kind: 'exited',
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...(message ? { message } : {}),
    startedAt,
    finishedAt,
  }
}

function startFailed(directory: string, startedAt: Date, finishedAt: Date): ObservedState {
  const error = readIfThere(join(directory, 'error'))?.trim().slice(0, MAX_MESSAGE)
  return {
    kind: 'exited',
    exitCode: 128,
    reason: 'StartError',
    message: `Cannot start container: ${error || 'its set-up ended without a word'}`,
    startedAt,
    finishedAt,
  }
}
