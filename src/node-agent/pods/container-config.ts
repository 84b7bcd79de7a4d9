import type { Container, Pod, Service } from '#api/core.ts'
import { envForPod, type References } from '../env/env-for-pod.ts'
import { expand } from '../env/expand.ts'
import { hostNameOf } from '../env/hosts-file.ts'
import type { ContainerConfig, SandboxConfig, Security } from '../runtimes/runtime.ts'
import { type NodeSettings, podDirectories } from '../settings.ts'
import { bindsOf } from '../volumes/pod-volumes.ts'
import type { ContainerStart } from './plan-pod.ts'
import { podBandwidth } from './pod-bandwidth.ts'

export interface PodContext {
  readonly pod: Pod
  readonly podIPs: readonly string[]
  readonly services: readonly Service[]
  readonly references: References
  readonly settings: NodeSettings
}

/** @throws ContainerConfigError, VolumeError */
export function containerConfig(
  { container, attempt, backOffMs }: ContainerStart,
  { pod, podIPs, services, references, settings }: PodContext,
): ContainerConfig {
  const podUID = pod.metadata.uid ?? ''
  const fields = { pod, podIPs, hostIPs: settings.nodeIPs }
  const env = envForPod(container, fields, services, references)
  const values = new Map(env.map(({ name, value }) => [name, value]))
  const expandAll = (words: readonly string[] = []) =>
    words.map((word) => expand(word, (name) => values.get(name)))
  const hostname = { name: 'HOSTNAME', value: sandboxHostname(pod, settings) }
  return {
    podUID,
    name: container.name,
    attempt,
    backOffMs,
    image: container.image ?? '',
    command: expandAll(container.command),
    args: expandAll(container.args),
    env: values.has('HOSTNAME') ? env : [hostname, ...env],
    workingDir: container.workingDir,
    processesOf: targetOf(container),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    mounts: bindsOf(container, pod, podDirectories(settings, podUID)),
    security: securityOf(container, pod),
    terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
  }
}

/** Only ephemeral containers have one. */
function targetOf(container: Container): string | undefined {
  return 'targetContainerName' in container ? String(container.targetContainerName) : undefined
}

export function sandboxConfig(pod: Pod, settings: NodeSettings): SandboxConfig {
  const { metadata, spec } = pod
  const bandwidth = spec.hostNetwork ? undefined : podBandwidth(pod)
  return {
    podUID: metadata.uid ?? '',
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    hostname: sandboxHostname(pod, settings),
    hostNetwork: spec.hostNetwork ?? false,
    ...(bandwidth && { bandwidth }),
    hostPorts: [...(spec.initContainers ?? []), ...spec.containers]
      .flatMap(({ ports = [] }) => ports)
      .flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP }) =>
        hostPort ? [{ hostPort, containerPort, protocol, ...(hostIP ? { hostIP } : {}) }] : [],
      ),
  }
}

function sandboxHostname(pod: Pod, { nodeName, clusterDomain }: NodeSettings): string {
  if (pod.spec.hostNetwork) return nodeName
  const { hostname, domain } = hostNameOf(pod, clusterDomain)
  return pod.spec.setHostnameAsFQDN && domain ? `${hostname}.${domain}` : hostname
}

interface SecurityContext {
  readonly runAsUser?: number
  readonly runAsGroup?: number
  readonly supplementalGroups?: readonly number[]
  readonly fsGroup?: number
  readonly privileged?: boolean
  readonly allowPrivilegeEscalation?: boolean
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] }
}

function securityOf(container: Container, { spec }: Pod): Security {
  const ofPod = (spec.securityContext ?? {}) as SecurityContext
  const own = (container.securityContext ?? {}) as SecurityContext
  return {
    privileged: own.privileged ?? false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    allowPrivilegeEscalation: own.allowPrivilegeEscalation ?? true,
    uid: own.runAsUser ?? ofPod.runAsUser,
    gid: own.runAsGroup ?? ofPod.runAsGroup,
    groups: [
      ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]),
      ...(ofPod.supplementalGroups ?? []),
    ],
  }
}
