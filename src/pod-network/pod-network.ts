import type { IP } from '#ip/ip.ts'
import type { PluginHost } from './cni/plugins/plugin.ts'
import type { CNIRuntime, RuntimeAttachment } from './cni/runtime.ts'
import { createTurns } from './cni/turns.ts'
import { type KeepScope, type Kept, keepAll } from './keep-all.ts'

/** A pod's network namespace and what it wants of the pod network. */
export interface PodSandbox {
  readonly podUID: string
  readonly namespace: string
  readonly name: string
  readonly netnsPath: string
  readonly hostPorts: readonly {
    readonly hostPort: number
    readonly containerPort: number
    readonly protocol: string
    readonly hostIP?: string
  }[]
  /** In bits a second. */
  readonly bandwidth?: { readonly ingress?: number; readonly egress?: number }
}

/** Layer 2 as a node agent uses it. */
export interface PodNetwork {
  readonly ready: Promise<void>
  attach(sandbox: PodSandbox): Promise<{ readonly ips: readonly IP[] }>
  detach(sandbox: PodSandbox): Promise<void>
  keepOnly(podUIDs: readonly string[]): Promise<void>
}

/** {@link PodNetwork}, and what its daemon does with it. */
export interface KeptPodNetwork extends PodNetwork {
  /** Puts back what somebody took of attachments: of all by default. @throws AggregateError */
  keep(host: PluginHost, scope?: KeepScope): Promise<Kept>
}

const IFNAME = 'eth0'
/** Whose turn it is when it is about all attachments: no pod's UID. */
const ALL = ''

/** The pod network by CNI. Calls for one pod follow each other; those for different pods run at the same time. */
export function createPodNetwork({
  runtime,
  ready,
}: {
  readonly runtime: CNIRuntime
  /** Resolves when conflist and plugins are in place. */
  readonly ready: Promise<void>
}): KeptPodNetwork {
  const inTurn = createTurns()
  return {
    ready,
    async attach(sandbox) {
      await ready
      return inTurn(sandbox.podUID, async () => {
        const attachment = toAttachment(sandbox)
        // Attached in an earlier life that could not tell any more.
        if (await runtime.isAdded(attachment)) await runtime.del(attachment)
        try {
          const { ips } = await runtime.add(attachment)
          return { ips: ips.map(({ address }) => address.address) }
        } catch (error) {
          // What the plugins before the one that failed did is undone; that it could not be is told by the next detach.
          await runtime.del(attachment).catch(() => {})
          throw error
        }
      })
    },
    // Not only when ready: what was never attached needs no network to be detached.
    detach: (sandbox) => inTurn(sandbox.podUID, () => runtime.del(toAttachment(sandbox))),
    keepOnly: (podUIDs) =>
      inTurn(ALL, () =>
        runtime.gc(podUIDs.map((containerID) => ({ containerID, ifname: IFNAME }))),
      ),
    keep: (host, scope) => inTurn(ALL, () => keepAll({ runtime, inTurn, host }, scope)),
  }
}

/** As containerd calls CNI (internal/cri/server/sandbox_run.go). */
function toAttachment(sandbox: PodSandbox): RuntimeAttachment {
  const { podUID, namespace, name, netnsPath, hostPorts, bandwidth } = sandbox
  const portMappings = hostPorts.map(({ protocol, ...port }) => ({
    ...port,
    protocol: protocol.toLowerCase(),
  }))
  const capabilityArgs = {
    ...(portMappings.length > 0 && { portMappings }),
    ...(bandwidth && { bandwidth: toBandwidth(bandwidth) }),
  }
  return {
    containerID: podUID,
    netns: netnsPath,
    ifname: IFNAME,
    args: {
      IgnoreUnknown: '1',
      K8S_POD_NAMESPACE: namespace,
      K8S_POD_NAME: name,
      K8S_POD_INFRA_CONTAINER_ID: podUID,
      K8S_POD_UID: podUID,
    },
    ...(Object.keys(capabilityArgs).length > 0 && { capabilityArgs }),
  }
}

/** What passes at once: a tenth of a second's worth, and never less than one packet before it is cut up. */
const BURST_SECONDS = 0.1
const MIN_BURST_BITS = 64 * 1024 * 8

/** The capability `bandwidth` (CONVENTIONS.md of CNI). */
function toBandwidth({ ingress, egress }: NonNullable<PodSandbox['bandwidth']>) {
  const burstOf = (rate: number) => Math.max(MIN_BURST_BITS, Math.floor(rate * BURST_SECONDS))
  return {
    ...(ingress && { ingressRate: ingress, ingressBurst: burstOf(ingress) }),
    ...(egress && { egressRate: egress, egressBurst: burstOf(egress) }),
  }
}
