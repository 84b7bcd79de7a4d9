import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { EnvPair } from '../env/service-env.ts'
import type { Bandwidth, HostPort } from '../pod-network.ts'

/** What runs containers on this node. Every call is level-triggered: repeating it is safe, also after a restart of the agent. */
export interface Runtime {
  /** As in `nodeInfo.containerRuntimeVersion`: `process://0.1.0`. */
  readonly version: string
  findImage(image: string): ImageLookup
  /** Makes the pod's sandbox, or returns the one it has. A sandbox whose holder died is taken down first. */
  ensureSandbox(config: SandboxConfig): Promise<Sandbox>
  /** The pods that left anything on this node. */
  podUIDs(): readonly string[]
  observe(podUID: string): PodObservation
  /** Starts one container; returns once it runs or has failed to. */
  startContainer(config: ContainerConfig): Promise<void>
  /** SIGTERM, then SIGKILL after the grace period. Resolves when the container has ended. */
  stopContainer(container: ContainerRef, gracePeriodSeconds: number): Promise<void>
  /** Forgets attempts of a container but the newest `keep`, with their logs. */
  pruneContainers(podUID: string, name: string, keep: number): void
  /** Stops what still runs in the pod and detaches it from the network. Files stay until `removePod`. */
  stopSandbox(podUID: string): Promise<void>
  removePod(podUID: string): Promise<void>
  exec(container: ContainerRef, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  /** Starts a command whose streams are the caller's. @throws Error where the container does not run */
  startExec(container: ContainerRef, options: ExecOptions): ExecSession
  /** The streams of the container's own program. Its output comes from its log, from now on. @throws Error where it does not run */
  attach(container: ContainerRef): ExecSession
  /** Whether all that the container said is in its log. */
  isLogComplete(container: ContainerRef): boolean
  /** Connects to a port of the pod, from inside its network: also to what listens on loopback only. @throws Error */
  connect(podUID: string, port: number): Promise<Socket>
  logPath(container: ContainerRef): string
  /** Calls back whenever a container of the pod may have ended. Returns the way to stop. */
  watch(podUID: string, listener: () => void): () => void
}

export type ImageLookup =
  | { readonly kind: 'present'; readonly imageID: string }
  | { readonly kind: 'absent'; readonly message: string }

export interface SandboxConfig {
  readonly podUID: string
  readonly namespace: string
  readonly name: string
  readonly hostname: string
  readonly hostNetwork: boolean
  readonly hostPorts: readonly HostPort[]
  readonly bandwidth?: Bandwidth
}

export interface Sandbox {
  /** Empty on the node's own network. */
  readonly ips: readonly string[]
}

export interface ContainerRef {
  readonly podUID: string
  readonly name: string
  /** Counts the starts of this container, from 0: the restart count. */
  readonly attempt: number
}

export interface ContainerConfig extends ContainerRef {
  readonly image: string
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: readonly EnvPair[]
  readonly workingDir: string | undefined
  /** The container of the pod whose processes this one is to be among; one by itself otherwise. */
  readonly processesOf: string | undefined
  readonly stdin: boolean
  /** The first client that attaches ends the input with its own. */
  readonly stdinOnce: boolean
  readonly tty: boolean
  readonly mounts: readonly VolumeBind[]
  readonly security: Security
  readonly terminationMessagePath: string
  /** How long a restart waits if this attempt ends early; kept with the attempt, so that a new agent knows. */
  readonly backOffMs: number
}

export interface VolumeBind {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

export interface Security {
  readonly privileged: boolean
  readonly addCapabilities: readonly string[]
  readonly dropCapabilities: readonly string[]
  readonly allowPrivilegeEscalation: boolean
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly groups: readonly number[]
}

export interface PodObservation {
  /** `lost`: it was there, but the process that holds it is gone. */
  readonly sandbox: ({ readonly state: 'ready' | 'lost' } & Sandbox) | { readonly state: 'absent' }
  /** By container name, oldest attempt first. */
  readonly containers: ReadonlyMap<string, readonly ContainerObservation[]>
}

export interface ContainerObservation {
  readonly attempt: number
  readonly containerID: string
  readonly imageID: string
  readonly backOffMs: number
  readonly state: ObservedState
}

export type ObservedState =
  /** Being set up. */
  | { readonly kind: 'created' }
  /** `unwatched`: its parent was killed, so that nobody tells when it ends. */
  | { readonly kind: 'running'; readonly startedAt: Date; readonly unwatched?: true }
  | {
      readonly kind: 'exited'
      readonly exitCode: number
      readonly reason: string
      readonly message?: string
      readonly startedAt: Date
      readonly finishedAt: Date
    }

export interface ExecResult {
  readonly exitCode: number
  readonly output: string
  readonly timedOut: boolean
}

export interface ExecOptions {
  readonly command: readonly string[]
  readonly stdin: boolean
  /** All three streams are one terminal's. */
  readonly tty: boolean
}

/** A running command. Its streams end when it has ended, also where something that it started holds them open. */
export interface ExecSession {
  readonly stdin?: Writable
  readonly stdout: Readable
  /** Not with a terminal. */
  readonly stderr?: Readable
  /** 128 and the signal's number where one ended it. */
  readonly exited: Promise<number>
  resize(columns: number, rows: number): void
  /** Hangs up: what does not end by that is killed. */
  kill(): void
}
