import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import { compareIPs, parseIP } from '#ip/ip.ts'
import { portsKey } from './pack-slices.ts'
import { HEADLESS, TRIGGER_TIME } from './plan-slices.ts'
import { isHeadless, toPodEndpoint } from './pod-endpoints.ts'

export const ENDPOINTS_MANAGED_BY = 'endpoints.kubernetes.io/managed-by'
export const ENDPOINTS_MANAGER = 'endpoint-controller'
export const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'
const MAX_ADDRESSES = 1000

/** The Endpoints object of a Service; `undefined` where `held` says the same. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  held: Endpoints | undefined,
  triggerTime?: string,
): Endpoints | undefined {
  const { subsets, truncated } = truncate(planSubsets(service, pods))
  const { [HEADLESS]: _, ...serviceLabels } = service.metadata.labels ?? {}
  const labels = {
    ...serviceLabels,
    [ENDPOINTS_MANAGED_BY]: ENDPOINTS_MANAGER,
    ...(isHeadless(service) && { [HEADLESS]: '' }),
  }
  const wasTruncated = held?.metadata.annotations?.[OVER_CAPACITY] !== undefined
  const isSame =
    held && equalJSON(held.subsets ?? [], subsets) && equalJSON(held.metadata.labels ?? {}, labels)
  if (isSame && wasTruncated === truncated) return undefined
  const { [TRIGGER_TIME]: __, [OVER_CAPACITY]: ___, ...others } = held?.metadata.annotations ?? {}
  const annotations = {
    ...others,
    ...(triggerTime !== undefined && { [TRIGGER_TIME]: triggerTime }),
    ...(truncated && { [OVER_CAPACITY]: 'truncated' }),
  }
  const { name, namespace } = service.metadata
  return {
    metadata: {
      ...held?.metadata,
      name,
      ...(namespace !== undefined && { namespace }),
      labels,
      annotations,
    },
    subsets,
  }
}

/**
 * Pods by the set of ports that they serve, ready ones apart from the others. Pods that terminate are left out, unless
 * the Service publishes whatever there is.
 *
 * @see pkg/controller/endpoint/endpoints_controller.go; api/v1/endpoints RepackSubsets
 */
export function planSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const publishes = service.spec.publishNotReadyAddresses === true
  const groups = new Map<
    string,
    {
      ports: NonNullable<EndpointSubset['ports']>
      ready: EndpointAddress[]
      notReady: EndpointAddress[]
    }
  >()
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined && !publishes) continue
    const found = toPodEndpoint(service, pod, undefined)
    if (!found || (found.ports.length === 0 && (service.spec.ports ?? []).length > 0)) continue
    const { endpoint, ports } = found
    const group = groups.get(portsKey(ports)) ?? {
      ports: ports.map(toSubsetPort),
      ready: [],
      notReady: [],
    }
    groups.set(portsKey(ports), group)
    const { hostname, nodeName, targetRef } = endpoint
    const address: EndpointAddress = {
      ip: endpoint.addresses[0]!,
      ...(hostname !== undefined && { hostname }),
      ...(nodeName !== undefined && { nodeName }),
      ...(targetRef && { targetRef }),
    }
    if (endpoint.conditions?.ready) group.ready.push(address)
    else group.notReady.push(address)
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 && { addresses: ready.sort(byIP) }),
      ...(notReady.length > 0 && { notReadyAddresses: notReady.sort(byIP) }),
      ...(ports.length > 0 && { ports }),
    }))
}

function toSubsetPort({
  name = '',
  port = 0,
  protocol = 'TCP',
  appProtocol,
}: {
  name?: string
  port?: number
  protocol?: 'TCP' | 'UDP' | 'SCTP'
  appProtocol?: string
}) {
  return {
    ...(name !== '' && { name }),
    port,
    protocol,
    ...(appProtocol !== undefined && { appProtocol }),
  }
}

function byIP(a: EndpointAddress, b: EndpointAddress): number {
  const [x, y] = [parseIP(a.ip), parseIP(b.ip)]
  return x !== undefined && y !== undefined ? compareIPs(x, y) : 0
}

/** At most 1000 addresses in all: the ready ones first. */
function truncate(subsets: readonly EndpointSubset[]): {
  readonly subsets: readonly EndpointSubset[]
  readonly truncated: boolean
} {
  const count = (field: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((sum, subset) => sum + (subset[field]?.length ?? 0), 0)
  if (count('addresses') + count('notReadyAddresses') <= MAX_ADDRESSES)
    return { subsets, truncated: false }
  let ready = MAX_ADDRESSES
  let notReady = Math.max(0, MAX_ADDRESSES - count('addresses'))
  const kept = subsets.map(({ addresses = [], notReadyAddresses = [], ports }) => {
    const some = addresses.slice(0, ready)
    const others = notReadyAddresses.slice(0, notReady)
    ready -= some.length
    notReady -= others.length
    return {
      ...(some.length > 0 && { addresses: some }),
      ...(others.length > 0 && { notReadyAddresses: others }),
      ...(ports && { ports }),
    }
  })
  return {
    subsets: kept.filter(({ addresses, notReadyAddresses }) => addresses || notReadyAddresses),
    truncated: true,
  }
}
