import type { Protocol } from '#api/core.ts'
import type { IP } from '#ip/ip.ts'

export interface HostPort {
  readonly hostPort: number
  readonly containerPort: number
  readonly protocol: Protocol
  readonly hostIP?: string
}

/** The most that a pod receives and sends, in bits a second. */
export interface Bandwidth {
  readonly ingress?: number
  readonly egress?: number
}

/** A pod's network namespace, as the pod network is told of it. Kept on disk, so that it can be detached in a later life. */
export interface PodSandbox {
  readonly podUID: string
  readonly namespace: string
  readonly name: string
  readonly netnsPath: string
  readonly hostPorts: readonly HostPort[]
  readonly bandwidth?: Bandwidth
}

/** Layer 2, as the node agent needs it: CNI stands behind it. */
export interface PodNetwork {
  /** Resolves when pods can be attached; until then the node is not Ready. */
  readonly ready: Promise<void>
  /** Connects the pod. The first address is the pod's primary one. A failed attach leaves nothing behind or is undone by `detach`. */
  attach(sandbox: PodSandbox): Promise<{ readonly ips: readonly IP[] }>
  /** Idempotent; also for sandboxes that were never attached, and for those whose namespace is gone. */
  detach(sandbox: PodSandbox): Promise<void>
  /** Frees what pods hold that are none of these: whoever held it ended without telling. Called before the first attach. */
  keepOnly?(podUIDs: readonly string[]): Promise<void>
}
