import type { Node, Pod, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { OwnerReference } from '#api/meta.ts'
import { HEADLESS, MANAGED_BY, planSlices, SERVICE_NAME, type SlicePlan } from './plan-slices.ts'
import { familyOfService, isHeadless, toPodEndpoint } from './pod-endpoints.ts'

export const MANAGER = 'endpointslice-controller.k8s.io'

export interface ServiceSlicesInput {
  readonly service: Service
  /** The pods that the Service selects. */
  readonly pods: readonly Pod[]
  readonly nodes: ReadonlyMap<string, Node>
  /** The slices of this controller for this Service. */
  readonly held: readonly EndpointSlice[]
  readonly triggerTime?: string | undefined
  readonly maxEndpoints?: number
}

/** The writes that make a Service's EndpointSlices show its pods. */
export function planServiceSlices({
  service,
  pods,
  nodes,
  held,
  triggerTime,
  maxEndpoints,
}: ServiceSlicesInput): SlicePlan {
  const endpoints = pods.flatMap(
    (pod) => toPodEndpoint(service, pod, nodes.get(pod.spec.nodeName ?? '')) ?? [],
  )
  const plan = planSlices(
    {
      service,
      owner: ownerReference(service),
      addressType: familyOfService(service) === 6 ? 'IPv6' : 'IPv4',
      labels: labelsOf(service),
      annotations: {},
      groups: endpoints.map(({ ports, endpoint }) => ({ ports, endpoints: [endpoint] })),
      placeholder: true,
      triggerTime,
      ...(maxEndpoints !== undefined && { maxEndpoints }),
    },
    held,
  )
  // Whoever is going away gets nothing new.
  return service.metadata.deletionTimestamp === undefined ? plan : { ...plan, create: [] }
}

/** The Service's own labels, save the reserved ones, which say what is so. */
function labelsOf(service: Service): Readonly<Record<string, string>> {
  const {
    [SERVICE_NAME]: _,
    [MANAGED_BY]: __,
    [HEADLESS]: ___,
    ...labels
  } = service.metadata.labels ?? {}
  return {
    ...labels,
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: MANAGER,
    ...(isHeadless(service) && { [HEADLESS]: '' }),
  }
}

function ownerReference({ metadata }: Service): OwnerReference {
  const { name, uid = '' } = metadata
  return {
    apiVersion: 'v1',
    kind: 'Service',
    name,
    uid,
    controller: true,
    blockOwnerDeletion: true,
  }
}
