import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { type Family, familyOf, parseIP } from '#ip/ip.ts'
import type { PortGroup } from './pack-slices.ts'
import {
  MANAGED_BY,
  planSlices,
  SERVICE_NAME,
  type SlicePlan,
  TRIGGER_TIME,
} from './plan-slices.ts'
import { hasSelector } from './pod-endpoints.ts'

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io'
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const MAX_PER_SUBSET = 1000

/** The writes that make slices show Endpoints that somebody wrote by hand for a Service without selector. */
export function planMirror(
  service: Service | undefined,
  endpoints: Endpoints | undefined,
  held: readonly EndpointSlice[],
): SlicePlan {
  if (!service || !endpoints || !isMirrored(service, endpoints))
    return { create: [], update: [], remove: held }
  const { name, uid = '', labels = {}, annotations = {} } = endpoints.metadata
  const { [LAST_APPLIED]: _, [TRIGGER_TIME]: __, ...copied } = annotations
  const plans = ([4, 6] as const).map((family) => {
    const addressType = family === 4 ? 'IPv4' : 'IPv6'
    return planSlices(
      {
        service: { ...service, metadata: endpoints.metadata },
        owner: {
          apiVersion: 'v1',
          kind: 'Endpoints',
          name,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
        addressType,
        labels: { ...labels, [SERVICE_NAME]: service.metadata.name, [MANAGED_BY]: MIRROR_MANAGER },
        annotations: copied,
        groups: (endpoints.subsets ?? []).flatMap((subset) => toGroup(subset, family) ?? []),
        placeholder: false,
        triggerTime: annotations[TRIGGER_TIME],
      },
      held.filter((slice) => slice.addressType === addressType),
    )
  })
  return {
    create: plans.flatMap(({ create }) => create),
    update: plans.flatMap(({ update }) => update),
    remove: plans.flatMap(({ remove }) => remove),
  }
}

/** @see kubernetes pkg/controller/endpointslicemirroring/utils.go, skipMirror */
function isMirrored(service: Service, { metadata }: Endpoints): boolean {
  return (
    !hasSelector(service) &&
    metadata.deletionTimestamp === undefined &&
    metadata.labels?.[SKIP_MIRROR] !== 'true' &&
    metadata.annotations?.[LEADER] === undefined
  )
}

function toGroup(
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
  family: Family,
): PortGroup | undefined {
  const endpoints = [
    ...addresses.map((address) => toEndpoint(address, true)),
    ...notReadyAddresses.map((address) => toEndpoint(address, false)),
  ].filter(({ addresses: [ip = ''] }) => {
    const address = parseIP(ip)
    return address !== undefined && familyOf(address) === family
  })
  if (endpoints.length === 0) return undefined
  return {
    ports: ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol !== undefined && { appProtocol }),
    })),
    endpoints: endpoints.slice(0, MAX_PER_SUBSET),
  }
}

function toEndpoint(
  { ip, hostname, nodeName, targetRef }: EndpointAddress,
  ready: boolean,
): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname !== undefined && { hostname }),
    ...(nodeName !== undefined && { nodeName }),
    ...(targetRef && { targetRef }),
  }
}
