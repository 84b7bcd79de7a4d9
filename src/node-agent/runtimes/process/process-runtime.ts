import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { signalProcess } from '#kernel/process/process.ts'
import { readIfThere, writeAtomically } from '../../files.ts'
import type { PodNetwork } from '../../pod-network.ts'
import type { ContainerObservation, ContainerRef, Runtime, VolumeBind } from '../runtime.ts'
import { Changes } from './changes.ts'
import {
  attemptDirectory,
  listDirectory,
  mainProcess,
  readContainerFile,
  readContainers,
} from './container-files.ts'
import { execInContainer } from './exec.ts'
import { createHostTree } from './host-tree.ts'
import { findImage, imageNames, repositoryOf } from './images.ts'
import { isRunning, parseLastingProcess } from './lasting-process.ts'
import { launch } from './launch.ts'
import { RECORD_SCRIPT } from './render-script.ts'
import { createSandbox, isWhole, readSandbox, removeSandbox } from './sandboxes.ts'

export interface ProcessRuntimeOptions {
  /** Lasts: pods' directories, logs. */
  readonly rootDir: string
  /** Until the next boot: bound namespaces. */
  readonly runDir: string
  /** Where Fairlead is installed. */
  readonly packageRoot: string
  readonly hidePaths: readonly string[]
  readonly version: string
}

/** Containers as plain processes in their own namespaces, with the host's programs for an image. */
export function createProcessRuntime(
  network: PodNetwork,
  options: ProcessRuntimeOptions,
): Runtime & Disposable {
  const { rootDir, runDir, packageRoot, version } = options
  const podsDirectory = join(rootDir, 'pods')
  mkdirSync(podsDirectory, { recursive: true, mode: 0o700 })
  mkdirSync(join(runDir, 'pods'), { recursive: true, mode: 0o700 })
  chmodSync(podsDirectory, 0o700)
  const changes = new Changes(join(rootDir, 'changes'))
  const recordPath = join(rootDir, 'record')
  writeAtomically(recordPath, RECORD_SCRIPT)
  const podDirectory = (podUID: string) => join(podsDirectory, podUID)
  const directoryOf = (container: ContainerRef) =>
    attemptDirectory(podDirectory(container.podUID), container)
  const nodePath = process.execPath.startsWith(`${packageRoot}/`) ? undefined : process.execPath
  const root = {
    packageRoot,
    ...(nodePath ? { nodePath } : {}),
    hidePaths: [rootDir, runDir, ...options.hidePaths],
  }

  const find = (ref: ContainerRef): ContainerObservation | undefined =>
    readContainers(podDirectory(ref.podUID), new Date())
      .get(ref.name)
      ?.find(({ attempt }) => attempt === ref.attempt)

  /** Also while the container is being set up, when its process 1 is still of its parent's process group. */
  const signal = (container: ContainerRef, name: NodeJS.Signals) => {
    const directory = directoryOf(container)
    const main = mainProcess(directory)
    if (main) return void signalProcess(main.pid, name, { startTime: main.startTime })
    const recorder = parseLastingProcess(readIfThere(join(directory, 'recorder')))
    if (name === 'SIGKILL' && recorder && isRunning(recorder)) process.kill(-recorder.pid, name)
  }

  const hasEnded = (container: ContainerRef) => {
    const state = find(container)?.state
    return !state || state.kind === 'exited'
  }

  /** Resolves `false` where it still runs at the deadline. The poll is for containers whose parent was killed. */
  const waitForEnd = async (container: ContainerRef, deadline: number) => {
    while (!hasEnded(container)) {
      const left = deadline - performance.now()
      if (left <= 0) return false
      await changes.next(container.podUID, Math.min(left, 250))
    }
    return true
  }

  const stopContainer = async (container: ContainerRef, gracePeriodSeconds: number) => {
    if (hasEnded(container)) return
    const now = performance.now()
    if (gracePeriodSeconds > 0) {
      signal(container, 'SIGTERM')
      if (await waitForEnd(container, now + gracePeriodSeconds * 1000)) return
    }
    signal(container, 'SIGKILL')
    if (!(await waitForEnd(container, performance.now() + 10_000))) {
      throw new Error(`Cannot stop container ${container.name}: it outlived SIGKILL by 10 s`)
    }
  }

  const stopSandbox = async (podUID: string) => {
    const running = [...readContainers(podDirectory(podUID), new Date())].flatMap(
      ([name, attempts]) => attempts.map(({ attempt }) => ({ podUID, name, attempt })),
    )
    await Promise.all(running.map((container) => stopContainer(container, 0)))
    const file = readSandbox({ podDirectory: podDirectory(podUID) })
    if (!file) return
    await removeSandbox(file, network)
    rmSync(join(podDirectory(podUID), 'sandbox.json'))
  }

  return {
    version: `process://${version}`,
    findImage(reference) {
      if (findImage(reference)) {
        return { kind: 'present', imageID: `${repositoryOf(reference)}@built-in:${version}` }
      }
      return {
        kind: 'absent',
        message:
          `Container image "${reference}" is not present with pull policy of Never: the process runtime runs only what is built in ` +
          `(use one of ${imageNames.join(', ')}; pulling images needs the containerd runtime, which is not built yet)`,
      }
    },
    async ensureSandbox(config) {
      const paths = {
        podDirectory: podDirectory(config.podUID),
        netnsPath: join(runDir, 'pods', config.podUID, 'netns'),
      }
      const file = readSandbox(paths)
      if (file && isWhole(file)) return { ips: file.ips }
      if (file) await stopSandbox(config.podUID)
      return await createSandbox(config, paths, network)
    },
    podUIDs: () => listDirectory(podsDirectory),
    observe(podUID) {
      const file = readSandbox({ podDirectory: podDirectory(podUID) })
      return {
        sandbox: file
          ? { state: isWhole(file) ? 'ready' : 'lost', ips: file.ips ?? [] }
          : { state: 'absent' },
        containers: readContainers(podDirectory(podUID), new Date()),
      }
    },
    async startContainer(config) {
      const sandbox = readSandbox({ podDirectory: podDirectory(config.podUID) })
      const image = findImage(config.image)
      if (!sandbox || !isWhole(sandbox))
        throw new Error(`Cannot start container ${config.name}: its pod has no sandbox`)
      if (!image)
        throw new Error(`Cannot start container ${config.name}: there is no image ${config.image}`)
      launch(config, {
        directory: directoryOf(config),
        changesPath: changes.path,
        recordPath,
        image,
        imageID: `${repositoryOf(config.image)}@built-in:${version}`,
        sandbox,
        root: { ...root, files: etcFiles(podDirectory(config.podUID)) },
        host: createHostTree(),
        now: new Date(),
      })
      while (find(config)?.state.kind === 'created') await changes.next(config.podUID, 1000)
    },
    stopContainer,
    pruneContainers(podUID, name, keep) {
      const attempts = readContainers(podDirectory(podUID), new Date()).get(name) ?? []
      for (const { attempt } of attempts.slice(0, Math.max(0, attempts.length - keep)))
        rmSync(directoryOf({ podUID, name, attempt }), { recursive: true, force: true })
    },
    stopSandbox,
    async removePod(podUID) {
      await stopSandbox(podUID)
      rmSync(podDirectory(podUID), { recursive: true, force: true })
      rmSync(join(runDir, 'pods', podUID), { recursive: true, force: true })
    },
    async exec(container, command, timeoutMs) {
      const directory = directoryOf(container)
      const main = mainProcess(directory)
      const file = readContainerFile(directory)
      if (!main || !file)
        throw new Error(`Cannot run a command in container ${container.name}: it does not run`)
      return await execInContainer(main, file.privileges, command, timeoutMs)
    },
    logPath: (container) => join(directoryOf(container), 'log'),
    watch: (podUID, listener) => changes.subscribe(podUID, listener),
    [Symbol.dispose]: () => changes[Symbol.dispose](),
  }
}

/** The pod's own /etc/hosts, hostname, resolv.conf and podinfo, which the agent writes beside its containers. */
function etcFiles(podDirectory: string): readonly VolumeBind[] {
  return ['hosts', 'hostname', 'resolv.conf', 'podinfo']
    .map((name) => ({
      source: join(podDirectory, 'etc', name),
      target: `/etc/${name}`,
      readOnly: false,
    }))
    .filter(({ source }) => existsSync(source))
}
