import type { IPAddress, ServiceCIDR } from '#api/networking.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'

/** `services/default/web`, `gateways.gateway.networking.k8s.io/default/edge`. */
function formatParent({ spec: { parentRef } }: IPAddress): string {
  if (!parentRef) return '<none>'
  const { group = '', resource = '', namespace = '', name = '' } = parentRef
  const qualified = (group === '' ? resource : `${resource}.${group}`).toLowerCase()
  return [qualified, ...(namespace === '' ? [] : [namespace]), name].join('/')
}

export const ipAddressColumns: readonly Column<IPAddress>[] = [
  nameColumn,
  text('ParentRef', formatParent),
  ageColumn,
]

export const serviceCIDRColumns: readonly Column<ServiceCIDR>[] = [
  nameColumn,
  text('CIDRs', ({ spec }) => (spec?.cidrs ?? []).join(',')),
  ageColumn,
]
