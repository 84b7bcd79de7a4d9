import type { Service } from '#api/core.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

/** As wide as an address of a load balancer may get before it is cut, when the output is not wide. */
const LOAD_BALANCER_WIDTH = 16

function externalIP({ spec, status }: Service): string {
  const external = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName || '<none>'
    case 'LoadBalancer': {
      const assigned = (status?.loadBalancer?.ingress ?? []).map(
        ({ ip, hostname }) => ip || hostname || '',
      )
      const shown = shorten([...new Set(assigned)].join(','))
      if (external.length > 0) return [...(shown ? [shown] : []), ...external].join(',')
      return shown || '<pending>'
    }
    default:
      return external.length > 0 ? external.join(',') : '<none>'
  }
}

// printers.go loadBalancerStatusStringer
const shorten = (text: string) =>
  text.length > LOAD_BALANCER_WIDTH ? `${text.slice(0, LOAD_BALANCER_WIDTH - 3)}...` : text

function formatPorts({ spec }: Service): string {
  const ports = (spec.ports ?? []).map(({ port, nodePort, protocol = 'TCP' }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  )
  return ports.length === 0 ? '<none>' : ports.join(',')
}

/** Labels as text, sorted by key; `<none>` without any. */
export function formatLabels(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.keys(labels)
    .toSorted()
    .map((key) => `${key}=${labels[key]}`)
  return pairs.length === 0 ? '<none>' : pairs.join(',')
}

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  text('Type', ({ spec }) => spec.type ?? 'ClusterIP'),
  text('Cluster-IP', ({ spec }) => spec.clusterIPs?.[0] || spec.clusterIP || '<none>'),
  text('External-IP', externalIP),
  text('Port(s)', formatPorts),
  ageColumn,
  text('Selector', ({ spec }) => formatLabels(spec.selector), true),
]
