import type { Container, Pod } from '#api/core.ts'
import type { ContainerRef, Runtime } from '../runtimes/runtime.ts'

export interface PodAddress {
  readonly namespace: string
  readonly name: string
}

/** What the agent answers instead; `text` in the kubelet's words, which kubectl shows. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: number

  constructor(code: number, text: string) {
    super(text)
    this.code = code
  }
}

/** @throws Refusal 404 */
export function findPod(pods: readonly Pod[], { namespace, name }: PodAddress): Pod {
  const pod = pods.find(
    ({ metadata }) => metadata.name === name && (metadata.namespace ?? 'default') === namespace,
  )
  if (!pod) throw new Refusal(404, `pod ${JSON.stringify(`${name}_${namespace}`)} not found`)
  return pod
}

export function containersOf({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

/** The running attempt of a container. @throws Refusal 404, 400 */
export function findRunning(runtime: Runtime, pod: Pod, container: string): ContainerRef {
  const podUID = pod.metadata.uid ?? ''
  const latest = runtime.observe(podUID).containers.get(container)?.at(-1)
  if (latest?.state.kind === 'running') return { podUID, name: container, attempt: latest.attempt }
  // pkg/kubelet/kubelet_pods.go, GetExec()
  throw new Refusal(500, `container not found ("${container}")`)
}
