import type { Pod } from '#api/core.ts'

/** What `fieldRef` may name: the pod as scheduled, and the addresses it got on this node. */
export interface PodFields {
  readonly pod: Pod
  readonly podIPs: readonly string[]
  readonly hostIPs: readonly string[]
}

const MAP_KEY = /^metadata\.(labels|annotations)\['([^']+)'\]$/

/** The value of a downward API path; `undefined` where there is no such field. */
export function fieldOf(path: string, { pod, podIPs, hostIPs }: PodFields): string | undefined {
  const [, map, key] = MAP_KEY.exec(path) ?? []
  if (map && key) return pod.metadata[map as 'labels' | 'annotations']?.[key] ?? ''
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name
    case 'metadata.namespace':
      return pod.metadata.namespace ?? 'default'
    case 'metadata.uid':
      return pod.metadata.uid ?? ''
    case 'spec.nodeName':
      return pod.spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? ''
    case 'status.hostIP':
      return hostIPs[0] ?? ''
    case 'status.hostIPs':
      return hostIPs.join(',')
    case 'status.podIP':
      return podIPs[0] ?? ''
    case 'status.podIPs':
      return podIPs.join(',')
  }
  return undefined
}
