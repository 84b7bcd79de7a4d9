import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { type Family, familyOf, parseIP } from '#ip/ip.ts'
import type { PortGroup } from './pack-slices.ts'
import { MANAGED_BY, planSlices, SERVICE_NAME, type SlicePlan } from './plan-slices.ts'
import { hasSelector } from './pod-endpoints.ts'
import { TRIGGER_TIME } from './trigger-times.ts'

export const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io'
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const MAX_PER_SUBSET = 1000

export interface MirrorPlan extends SlicePlan {
  /** What people should know of what is not mirrored, in upstream's words. */
  readonly warnings: readonly { readonly reason: string; readonly message: string }[]
}

/** The writes that make slices show Endpoints that somebody wrote by hand for a Service without selector. */
export function planMirror(
  service: Service | undefined,
  endpoints: Endpoints | undefined,
  held: readonly EndpointSlice[],
): MirrorPlan {
  if (!service || !endpoints || !isMirrored(service, endpoints))
    return { create: [], update: [], remove: held, warnings: [] }
  const mirrored = (endpoints.subsets ?? []).map(selectMirrored)
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
        groups: mirrored.flatMap((subset) => toGroup(subset, family) ?? []),
        placeholder: false,
        triggerTime: annotations[TRIGGER_TIME],
        maxEndpoints: MAX_PER_SUBSET,
      },
      held.filter((slice) => slice.addressType === addressType),
    )
  })
  return {
    create: plans.flatMap(({ create }) => create),
    update: plans.flatMap(({ update }) => update),
    remove: plans.flatMap(({ remove }) => remove),
    warnings: warnings(mirrored),
  }
}

/** Addresses of a subset, of both families, that fit into one slice. */
interface MirroredSubset {
  readonly ports: EndpointSubset['ports']
  readonly endpoints: readonly { readonly family: Family; readonly endpoint: Endpoint }[]
  readonly invalid: number
  /** Invalid ones, and those beyond {@link MAX_PER_SUBSET}. */
  readonly skipped: number
}

function selectMirrored({
  addresses = [],
  notReadyAddresses = [],
  ports,
}: EndpointSubset): MirroredSubset {
  const all = [
    ...addresses.map((address) => ({ address, ready: true })),
    ...notReadyAddresses.map((address) => ({ address, ready: false })),
  ]
  const endpoints: MirroredSubset['endpoints'][number][] = []
  let invalid = 0
  for (const { address, ready } of all) {
    if (endpoints.length === MAX_PER_SUBSET) break
    const ip = parseIP(address.ip)
    if (ip === undefined) invalid++
    else endpoints.push({ family: familyOf(ip), endpoint: toEndpoint(address, ready) })
  }
  return { ports, endpoints, invalid, skipped: all.length - endpoints.length }
}

/** @see kubernetes pkg/controller/endpointslicemirroring/reconciler.go, events.go */
function warnings(subsets: readonly MirroredSubset[]): MirrorPlan['warnings'] {
  const sum = (key: 'invalid' | 'skipped') =>
    subsets.reduce((total, subset) => total + subset[key], 0)
  const [invalid, skipped] = [sum('invalid'), sum('skipped')]
  return [
    ...(invalid === 0
      ? []
      : [
          {
            reason: 'InvalidIPAddress',
            message: `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`,
          },
        ]),
    ...(skipped === invalid
      ? []
      : [
          {
            reason: 'TooManyAddressesToMirror',
            message: `A max of ${MAX_PER_SUBSET} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
          },
        ]),
  ]
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

function toGroup({ ports, endpoints }: MirroredSubset, family: Family): PortGroup | undefined {
  const own = endpoints.flatMap((entry) => (entry.family === family ? [entry.endpoint] : []))
  if (own.length === 0) return undefined
  return {
    ports: (ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol !== undefined && { appProtocol }),
    })),
    endpoints: own,
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
