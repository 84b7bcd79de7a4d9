import type { Node, Pod, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { OwnerReference } from '#api/meta.ts'
import type { Family } from '#ip/ip.ts'
import { type HintEvent, planHints } from './hints/plan-hints.ts'
import type { ZoneShares } from './hints/zone-shares.ts'
import {
  HEADLESS,
  MANAGED_BY,
  planSlices,
  SERVICE_NAME,
  type SlicePlan,
  withTriggerTime,
} from './plan-slices.ts'
import { familiesOfService, isHeadless, type PodEndpoint, toPodEndpoint } from './pod-endpoints.ts'

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
  /** The CPUs of the nodes' zones, for `topology-mode: Auto`. */
  readonly shares?: ZoneShares | undefined
  readonly hadZoneHints?: boolean
}

export interface ServiceSlicesPlan extends SlicePlan {
  readonly events: readonly HintEvent[]
  readonly hasZoneHints: boolean
  /** Pods that were left out, since their node is not known (yet). */
  readonly homeless: readonly Pod[]
}

/** The writes that make a Service's EndpointSlices show its pods: slices of their own for each family. */
export function planServiceSlices(input: ServiceSlicesInput): ServiceSlicesPlan {
  const { service, pods, nodes, held } = input
  const publishes = service.spec.publishNotReadyAddresses === true
  const hasNode = ({ spec }: Pod) => nodes.has(spec.nodeName ?? '')
  const housed = publishes ? pods : pods.filter(hasNode)
  const families = familiesOfService(service)
  const plans = families.map((family) => {
    const endpoints = housed.flatMap(
      (pod) => toPodEndpoint(service, pod, nodes.get(pod.spec.nodeName ?? ''), family) ?? [],
    )
    return planFamily(input, family, endpoints)
  })
  const types: readonly string[] = families.map(addressTypeOf)
  // Whoever is going away gets nothing new.
  const isLeaving = service.metadata.deletionTimestamp !== undefined
  return {
    create: isLeaving ? [] : plans.flatMap(({ create }) => create),
    update: plans.flatMap(({ update }) => update),
    remove: [
      ...plans.flatMap(({ remove }) => remove),
      ...held.filter(({ addressType }) => !types.includes(addressType)),
    ],
    events: plans.flatMap(({ event }) => event ?? []),
    hasZoneHints: plans.some(({ hasZoneHints }) => hasZoneHints),
    homeless: publishes ? [] : pods.filter((pod) => !hasNode(pod) && canBeEndpoint(service, pod)),
  }
}

function canBeEndpoint(service: Service, pod: Pod): boolean {
  return familiesOfService(service).some((family) => toPodEndpoint(service, pod, undefined, family))
}

const addressTypeOf = (family: Family) => (family === 6 ? 'IPv6' : 'IPv4')

function planFamily(
  { service, held, triggerTime, maxEndpoints, shares, hadZoneHints = false }: ServiceSlicesInput,
  family: Family,
  endpoints: readonly PodEndpoint[],
) {
  const addressType = addressTypeOf(family)
  const own = held.filter((slice) => slice.addressType === addressType)
  const plan = planSlices(
    {
      service,
      owner: ownerReference(service),
      addressType,
      labels: labelsOf(service),
      annotations: {},
      groups: endpoints.map(({ ports, endpoint }) => ({ ports, endpoints: [endpoint] })),
      placeholder: true,
      triggerTime,
      ...(maxEndpoints !== undefined && { maxEndpoints }),
    },
    own,
  )
  const hinted = planHints({ service, plan, held: own, addressType, shares, hadZoneHints })
  const dated = new Set(plan.update.map(({ metadata }) => metadata.name))
  return {
    ...hinted,
    update: hinted.update.map((slice) =>
      dated.has(slice.metadata.name) ? slice : withTriggerTime(slice, triggerTime),
    ),
  }
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
