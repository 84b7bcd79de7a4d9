import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { signalProcess } from '#kernel/process/process.ts'
import { pathSegment, readIfThere, writeAtomically } from '../../files.ts'
import { watchLog } from '../../logs/watch-log.ts'
import type { PodNetwork } from '../../pod-network.ts'
import type {
  ContainerConfig,
  ContainerObservation,
  ContainerRef,
  ExecOptions,
  ExecResult,
  ExecSession,
  ImageLookup,
  PodObservation,
  Runtime,
  Sandbox,
  SandboxConfig,
} from '../runtime.ts'
import { startAttach } from './attach-session.ts'
import { Changes } from './changes.ts'
import { connectInside } from './connect.ts'
import {
  attemptDirectories,
  attemptDirectory,
  listDirectory,
  mainProcess,
  readContainerFile,
  readContainers,
  readRunning,
  runningMain,
} from './container-files.ts'
import { etcFiles } from './etc-files.ts'
import { execInContainer } from './exec.ts'
import { endLeftExecs } from './exec-records.ts'
import { environmentOf, startExec } from './exec-session.ts'
import { createHostTree } from './host-tree.ts'
import { findImage, imageNames, repositoryOf } from './images.ts'
import { isRunning, parseLastingProcess } from './lasting-process.ts'
import { launch } from './launch.ts'
import { OpenLogs } from './logs/open-logs.ts'
import { RECORD_SCRIPT } from './render-script.ts'
import { createSandbox, isWhole, readSandbox, removeSandbox } from './sandboxes.ts'
import { answerTerminalRequest, endKeeper } from './streams.ts'

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

/** What outlives SIGKILL for so long hangs in the kernel. */
const KILL_DEADLINE_MS = 10_000
/** How often a container is looked at whose parent was killed, so that nobody says when it ends. */
const POLL_MS = 250

/** Containers as plain processes in their own namespaces, with the host's programs for an image. All state is on disk. */
export class ProcessRuntime implements Runtime, Disposable {
  readonly version: string
  readonly #network: PodNetwork
  readonly #options: ProcessRuntimeOptions
  readonly #changes: Changes
  readonly #recordPath: string
  readonly #openLogs: OpenLogs

  constructor(network: PodNetwork, options: ProcessRuntimeOptions) {
    const { rootDir, runDir, version } = options
    this.#network = network
    this.#options = options
    this.version = `process://${version}`
    mkdirSync(join(rootDir, 'pods'), { recursive: true, mode: 0o700 })
    mkdirSync(join(runDir, 'pods'), { recursive: true, mode: 0o700 })
    chmodSync(join(rootDir, 'pods'), 0o700)
    this.#recordPath = join(rootDir, 'record')
    writeAtomically(this.#recordPath, RECORD_SCRIPT)
    this.#changes = new Changes(join(rootDir, 'changes'))
    this.#openLogs = new OpenLogs(rootDir, options.packageRoot)
    // Their clients were connected with the agent before this one.
    for (const podUID of this.podUIDs())
      attemptDirectories(this.#podDirectory(podUID)).forEach(endLeftExecs)
  }

  findImage(reference: string): ImageLookup {
    if (findImage(reference)) return { kind: 'present', imageID: this.#imageID(reference) }
    return {
      kind: 'absent',
      message:
        `Container image "${reference}" is not present with pull policy of Never: the process runtime runs only what is built in ` +
        `(use one of ${imageNames.join(', ')}; pulling images needs the containerd runtime, which is not built yet)`,
    }
  }

  async ensureSandbox(config: SandboxConfig): Promise<Sandbox> {
    const paths = {
      podDirectory: this.#podDirectory(config.podUID),
      netnsPath: join(this.#options.runDir, 'pods', config.podUID, 'netns'),
    }
    const file = readSandbox(paths)
    if (file && isWhole(file)) return { ips: file.ips }
    if (file) await this.stopSandbox(config.podUID)
    return await createSandbox(config, paths, this.#network)
  }

  podUIDs(): readonly string[] {
    return listDirectory(join(this.#options.rootDir, 'pods'))
  }

  observe(podUID: string): PodObservation {
    const podDirectory = this.#podDirectory(podUID)
    const file = readSandbox({ podDirectory })
    return {
      sandbox: file
        ? { state: isWhole(file) ? 'ready' : 'lost', ips: file.ips ?? [] }
        : { state: 'absent' },
      containers: readContainers(podDirectory, new Date()),
    }
  }

  async startContainer(config: ContainerConfig): Promise<void> {
    const podDirectory = this.#podDirectory(config.podUID)
    const sandbox = readSandbox({ podDirectory })
    const image = findImage(config.image)
    const op = `Cannot start container ${config.name}`
    if (!sandbox || !isWhole(sandbox)) throw new Error(`${op}: its pod has no sandbox`)
    if (!image) throw new Error(`${op}: there is no image ${config.image}`)
    const { packageRoot, rootDir, runDir, hidePaths } = this.#options
    const isInPackage = process.execPath.startsWith(`${packageRoot}/`)
    const directory = this.#directory(config)
    launch(config, {
      directory,
      changesPath: this.#changes.path,
      recordPath: this.#recordPath,
      image,
      imageID: this.#imageID(config.image),
      sandbox,
      target: config.processesOf ? runningMain(podDirectory, config.processesOf) : undefined,
      root: {
        packageRoot,
        ...(isInPackage ? {} : { nodePath: process.execPath }),
        hidePaths: [rootDir, runDir, ...hidePaths],
        files: etcFiles(podDirectory),
      },
      host: createHostTree(),
      now: new Date(),
    })
    if (!config.tty) this.#openLogs.add(config, { directory })
    while (this.#find(config)?.state.kind === 'created') {
      const terminal = config.tty ? answerTerminalRequest(directory) : undefined
      if (terminal) this.#openLogs.add(config, { directory, terminal })
      await this.#changes.next(config.podUID, terminal ? 1000 : POLL_MS)
    }
  }

  async stopContainer(container: ContainerRef, gracePeriodSeconds: number): Promise<void> {
    if (this.#hasEnded(container)) return
    if (gracePeriodSeconds > 0) {
      this.#signal(container, 'SIGTERM')
      if (await this.#waitForEnd(container, gracePeriodSeconds * 1000)) return
    }
    this.#signal(container, 'SIGKILL')
    if (await this.#waitForEnd(container, KILL_DEADLINE_MS)) return
    throw new Error(
      `Cannot stop container ${container.name}: it outlived SIGKILL by ${KILL_DEADLINE_MS / 1000} s`,
    )
  }

  pruneContainers(podUID: string, name: string, keep: number): void {
    const attempts = readContainers(this.#podDirectory(podUID), new Date()).get(name) ?? []
    for (const { attempt } of attempts.slice(0, Math.max(0, attempts.length - keep)))
      this.#forget({ podUID, name, attempt })
  }

  async stopSandbox(podUID: string): Promise<void> {
    const podDirectory = this.#podDirectory(podUID)
    const containers = [...readContainers(podDirectory, new Date())].flatMap(([name, attempts]) =>
      attempts.map(({ attempt }) => ({ podUID, name, attempt })),
    )
    await Promise.all(containers.map((container) => this.stopContainer(container, 0)))
    const file = readSandbox({ podDirectory })
    if (!file) return
    await removeSandbox(file, this.#network)
    rmSync(join(podDirectory, 'sandbox.json'))
  }

  async removePod(podUID: string): Promise<void> {
    await this.stopSandbox(podUID)
    for (const [name, attempts] of readContainers(this.#podDirectory(podUID), new Date()))
      for (const { attempt } of attempts) this.#forget({ podUID, name, attempt })
    rmSync(this.#podDirectory(podUID), { recursive: true, force: true })
    rmSync(join(this.#options.runDir, 'pods', podUID), { recursive: true, force: true })
  }

  async exec(
    container: ContainerRef,
    command: readonly string[],
    timeoutMs: number,
  ): Promise<ExecResult> {
    const { main, file } = readRunning(this.#directory(container), container.name)
    return await execInContainer(main, file.privileges, command, timeoutMs)
  }

  startExec(container: ContainerRef, options: ExecOptions): ExecSession {
    const directory = this.#directory(container)
    const { main, file } = readRunning(directory, container.name)
    const { privileges, workingDir = '/' } = file
    const env = environmentOf(main)
    return startExec({ directory, main, privileges, workingDir, env }, options)
  }

  attach(container: ContainerRef): ExecSession {
    const directory = this.#directory(container)
    const file = readContainerFile(directory)
    if (!file || !mainProcess(directory))
      throw new Error(`Cannot attach to container ${container.name}: it does not run`)
    return startAttach(directory, file, watchLog(this, container))
  }

  isLogComplete(container: ContainerRef): boolean {
    return this.#hasEnded(container) && !this.#openLogs.has(container)
  }

  async connect(podUID: string, port: number): Promise<Socket> {
    const sandbox = readSandbox({ podDirectory: this.#podDirectory(podUID) })
    if (!sandbox || !isWhole(sandbox)) throw new Error('its pod has no sandbox')
    return await connectInside(sandbox, port)
  }

  logPath(container: ContainerRef): string {
    return join(this.#directory(container), 'log')
  }

  watch(podUID: string, listener: () => void): () => void {
    return this.#changes.subscribe(podUID, listener)
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]()
    this.#openLogs[Symbol.dispose]()
  }

  #forget(container: ContainerRef): void {
    const directory = this.#directory(container)
    endKeeper(directory)
    rmSync(directory, { recursive: true, force: true })
  }

  #podDirectory(podUID: string): string {
    return join(this.#options.rootDir, 'pods', pathSegment(podUID))
  }

  #directory(container: ContainerRef): string {
    return attemptDirectory(this.#podDirectory(container.podUID), container)
  }

  #imageID(reference: string): string {
    return `${repositoryOf(reference)}@built-in:${this.#options.version}`
  }

  #find({ podUID, name, attempt }: ContainerRef): ContainerObservation | undefined {
    return readContainers(this.#podDirectory(podUID), new Date())
      .get(name)
      ?.find((candidate) => candidate.attempt === attempt)
  }

  #hasEnded(container: ContainerRef): boolean {
    const state = this.#find(container)?.state
    return !state || state.kind === 'exited'
  }

  /** Resolves `false` where it still runs after so long. */
  async #waitForEnd(container: ContainerRef, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (!this.#hasEnded(container)) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return false
      await this.#changes.next(container.podUID, Math.min(leftMs, POLL_MS))
    }
    return true
  }

  /** SIGKILL also while it is being set up, when its process 1 is still of its parent's process group. */
  #signal(container: ContainerRef, name: NodeJS.Signals): void {
    const directory = this.#directory(container)
    const main = mainProcess(directory)
    if (main) {
      signalProcess(main.pid, name, { startTime: main.startTime })
      return
    }
    const recorder = parseLastingProcess(readIfThere(join(directory, 'recorder')))
    if (name === 'SIGKILL' && recorder && isRunning(recorder)) process.kill(-recorder.pid, name)
  }
}
