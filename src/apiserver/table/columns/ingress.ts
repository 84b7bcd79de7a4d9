import type { Ingress, IngressClass } from '#api/networking.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

function formatHosts({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map(({ host }) => host || '*')
  if (hosts.length === 0) return '*'
  const [shown, hidden] = [hosts.slice(0, 3), hosts.length - 3]
  return hidden > 0 ? `${shown.join(',')} + ${hidden} more...` : shown.join(',')
}

const formatAddresses = ({ status }: Ingress) =>
  (status?.loadBalancer?.ingress ?? [])
    .map(({ ip, hostname }) => ip || hostname || '')
    .filter((address) => address !== '')
    .join(',')

export const ingressColumns: readonly Column<Ingress>[] = [
  nameColumn,
  text('Class', ({ spec, metadata }) => {
    const annotated = metadata.annotations?.['kubernetes.io/ingress.class']
    return annotated ?? spec?.ingressClassName ?? '<none>'
  }),
  text('Hosts', formatHosts),
  text('Address', formatAddresses),
  text('Ports', ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80')),
  ageColumn,
]

export const ingressClassColumns: readonly Column<IngressClass>[] = [
  nameColumn,
  text('Controller', ({ spec }) => spec?.controller ?? ''),
  text('Parameters', ({ spec }) => {
    const { apiGroup, kind, name } = spec?.parameters ?? {}
    if (kind === undefined) return '<none>'
    return `${apiGroup ? `${kind}.${apiGroup}` : kind}/${name}`
  }),
  ageColumn,
]
