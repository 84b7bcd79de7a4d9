import type { LoadBalancerIngress, Service } from '#api/core.ts'
import type { Ingress } from '#api/networking.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'

type Address = Pick<LoadBalancerIngress, 'ip' | 'hostname'>

/** Where clients outside reach the Ingress controller, by the Service in front of it (ingress-nginx's `--publish-service`). */
export function planAddresses(service: Service | undefined): readonly Address[] {
  if (!service) return []
  const { spec, status } = service
  const external = (spec.externalIPs ?? []).map((ip) => ({ ip }))
  if (spec.type === 'LoadBalancer') {
    const assigned = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) =>
      ip === undefined ? { ...(hostname !== undefined && { hostname }) } : { ip },
    )
    return [...assigned, ...external]
  }
  const clusterIP = spec.clusterIP && spec.clusterIP !== 'None' ? [{ ip: spec.clusterIP }] : []
  return external.length > 0 ? external : clusterIP
}

/** Writes the addresses to all Ingresses that show others. @throws APIStatusError: those before it are written */
export async function publishStatus(
  api: API,
  ingresses: readonly Ingress[],
  addresses: readonly Address[],
): Promise<void> {
  const wanted = JSON.stringify(addresses)
  for (const { metadata, status } of ingresses) {
    const shown = (status?.loadBalancer?.ingress ?? []).map(toAddress)
    if (JSON.stringify(shown) === wanted) continue
    const patch = { status: { loadBalancer: { ingress: addresses } } }
    await api.patch(resources.ingresses, metadata, 'merge', patch, 'status')
  }
}

function toAddress({ ip, hostname }: Address): Address {
  return ip === undefined ? { ...(hostname !== undefined && { hostname }) } : { ip }
}
