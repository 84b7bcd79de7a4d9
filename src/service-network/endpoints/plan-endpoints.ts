import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import { compareIPs, parseIP } from '#ip/ip.ts'
import { portsKey } from './pack-slices.ts'
import { HEADLESS } from './plan-slices.ts'
import { isHeadless, toPodEndpoint } from './pod-endpoints.ts'
import { TRIGGER_TIME } from './trigger-times.ts'

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

type Key = 'addresses' | 'notReadyAddresses'

/**
 * At most 1000 addresses in all: the ready ones first, and of each subset its share, rounded up until there is no room.
 * Source: endpoints_controller.go, truncateEndpoints.
 */
function truncate(subsets: readonly EndpointSubset[]): {
  readonly subsets: readonly EndpointSubset[]
  readonly truncated: boolean
} {
  const count = (key: Key) => subsets.reduce((sum, subset) => sum + (subset[key]?.length ?? 0), 0)
  const ready = count('addresses')
  const notReady = count('notReadyAddresses')
  if (ready + notReady <= MAX_ADDRESSES) return { subsets, truncated: false }
  const isReadyCut = ready > MAX_ADDRESSES
  const key: Key = isReadyCut ? 'addresses' : 'notReadyAddresses'
  const room = isReadyCut ? MAX_ADDRESSES : MAX_ADDRESSES - ready
  const total = isReadyCut ? ready : notReady
  let left = room
  const cut = subsets.map(({ addresses = [], notReadyAddresses = [], ports }) => {
    const listed = { addresses, notReadyAddresses: isReadyCut ? [] : notReadyAddresses }
    const share = Math.min(left, Math.ceil((listed[key].length / total) * room))
    left -= share
    const kept = { ...listed, [key]: listed[key].slice(0, share) }
    return {
      ...(kept.addresses.length > 0 && { addresses: kept.addresses }),
      ...(kept.notReadyAddresses.length > 0 && { notReadyAddresses: kept.notReadyAddresses }),
      ...(ports && { ports }),
    }
  })
  return {
    subsets: cut.filter(({ addresses, notReadyAddresses }) => addresses || notReadyAddresses),
    truncated: true,
  }
}
