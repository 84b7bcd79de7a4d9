import { readFileSync } from 'node:fs'
import { machine, release } from 'node:os'
import type { Node } from '#api/core.ts'
import type { Condition } from '#api/meta.ts'
import { formatTime } from '../pods/container-status.ts'
import { nodeAmounts } from './node-amounts.ts'

export interface NodeIdentity {
  readonly nodeName: string
  /** One a family, the primary first. */
  readonly nodeIPs: readonly string[]
  readonly kubeletVersion: string
  readonly runtimeVersion: string
  readonly labels: Readonly<Record<string, string>>
  readonly port: number
}

/** The kubelet's default, `--max-pods`. */
const MAX_PODS = 110
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' }

/** Labels that every node carries; `kubernetes.io/hostname` is what spread constraints count by. */
export function nodeLabels({ nodeName, labels }: NodeIdentity): Readonly<Record<string, string>> {
  const arch = ARCHITECTURES[machine()] ?? machine()
  return {
    'beta.kubernetes.io/arch': arch,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': arch,
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    ...labels,
  }
}

/** Everything of the node's status but its conditions. It does not change while the agent runs. */
export function nodeFacts(identity: NodeIdentity): NonNullable<Node['status']> {
  const { nodeName, nodeIPs, kubeletVersion, runtimeVersion, port } = identity
  const amounts = { ...nodeAmounts(), pods: String(MAX_PODS) }
  return {
    addresses: [
      ...nodeIPs.map((address) => ({ type: 'InternalIP' as const, address })),
      { type: 'Hostname', address: nodeName },
    ],
    capacity: amounts,
    allocatable: amounts,
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    nodeInfo: {
      machineID: read('/etc/machine-id'),
      systemUUID: nodeName,
      bootID: read('/proc/sys/kernel/random/boot_id'),
      kernelVersion: release(),
      osImage: osImage(),
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: ARCHITECTURES[machine()] ?? machine(),
    },
  }
}

type NodeCondition = Condition & { readonly lastHeartbeatTime?: string }

/** `unknown`: an agent that has just started has not looked yet. */
export type NetworkState = 'unknown' | 'ready' | 'not ready'

/** The kubelet's conditions. There is no pressure to speak of: nothing is measured, nothing is evicted. */
export function nodeConditions(
  network: NetworkState,
  old: readonly NodeCondition[],
  now: Date,
): readonly NodeCondition[] {
  const fine = (type: string, reason: string, message: string) =>
    ({ type, status: 'False', reason, message }) as const
  // The network outlives an agent. Saying otherwise for a moment would take every pod of the node out of its Services.
  const isReady =
    network === 'ready' ||
    (network === 'unknown' && old.some(({ type, status }) => type === 'Ready' && status === 'True'))
  const wanted: readonly NodeCondition[] = [
    fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    isReady
      ? {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        }
      : {
          type: 'Ready',
          status: 'False',
          reason: 'KubeletNotReady',
          message:
            'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
        },
  ]
  const others = old.filter(({ type }) => !wanted.some((condition) => condition.type === type))
  return [...others, ...wanted.map((condition) => withTimes(condition, old, now))]
}

function withTimes(
  condition: NodeCondition,
  old: readonly NodeCondition[],
  now: Date,
): NodeCondition {
  const before = old.find(({ type }) => type === condition.type)
  const lastTransitionTime =
    before?.status === condition.status && before.lastTransitionTime
      ? before.lastTransitionTime
      : formatTime(now)
  return { ...condition, lastHeartbeatTime: formatTime(now), lastTransitionTime }
}

function osImage(): string {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(read('/etc/os-release'))?.[1] ?? 'Linux'
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
