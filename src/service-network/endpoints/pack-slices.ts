import type { Endpoint, EndpointPort, EndpointSlice } from '#api/discovery.ts'
import { equalJSON } from '#api/json.ts'

/** The endpoints that share one set of ports. */
export interface PortGroup {
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

export interface SliceChanges {
  /** What new slices hold. */
  readonly create: readonly PortGroup[]
  readonly update: readonly {
    readonly slice: EndpointSlice
    readonly ports: readonly EndpointPort[]
    readonly endpoints: readonly Endpoint[]
  }[]
  readonly remove: readonly EndpointSlice[]
}

/** What an endpoint is across changes of its conditions. */
function identityOf({ addresses, targetRef }: Endpoint): string {
  return JSON.stringify([targetRef?.uid ?? '', ...addresses])
}

/** Equal for equal sets of ports, whatever their order. */
export function portsKey(ports: readonly EndpointPort[]): string {
  return JSON.stringify(
    ports
      .map(({ name = '', protocol = 'TCP', port = null, appProtocol = '' }) => [
        name,
        protocol,
        port,
        appProtocol,
      ])
      .sort(),
  )
}

/**
 * Distributes endpoints over slices with few writes: what stays stays where it is, slices that must be written anyway
 * are filled first, then the one that fits best; the rest gets new slices. Nothing is ever rebalanced.
 *
 * @param held The Service's slices of this kind of ports and family.
 * @see facts/services.md 6; kubernetes/endpointslice reconciler.go, reconcileByPortMapping
 */
export function packSlices(
  group: PortGroup,
  held: readonly EndpointSlice[],
  maxEndpoints: number,
): SliceChanges {
  const wanted = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]))
  const drafts = held.map((slice) => keepWanted(slice, wanted, maxEndpoints))
  let rest = [...wanted.values()] // keepWanted took out what has a place
  for (const draft of drafts
    .filter(({ changed }) => changed)
    .toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    rest = fill(draft, rest, maxEndpoints)
  }
  const create: PortGroup[] = []
  while (rest.length > 0) {
    const fit =
      rest.length < maxEndpoints
        ? drafts
            .filter(
              ({ changed, endpoints }) =>
                !changed && endpoints.length + rest.length <= maxEndpoints,
            )
            .toSorted((a, b) => b.endpoints.length - a.endpoints.length)[0]
        : undefined
    if (fit) rest = fill(fit, rest, maxEndpoints)
    else create.push({ ports: group.ports, endpoints: rest.splice(0, maxEndpoints) })
  }
  const emptied = drafts.filter(({ endpoints }) => endpoints.length === 0)
  const written = drafts.filter(({ changed, endpoints }) => changed && endpoints.length > 0)
  return {
    create,
    update: written.map(({ slice, endpoints }) => ({ slice, ports: group.ports, endpoints })),
    remove: emptied.map(({ slice }) => slice),
  }
}

interface Draft {
  readonly slice: EndpointSlice
  endpoints: Endpoint[]
  changed: boolean
}

/** What of the slice is still wanted, as it is wanted now. Takes it out of `wanted`: a duplicate elsewhere goes. */
function keepWanted(
  slice: EndpointSlice,
  wanted: Map<string, Endpoint>,
  maxEndpoints: number,
): Draft {
  const before = slice.endpoints ?? []
  const endpoints = before.flatMap((endpoint): Endpoint[] => {
    const now = wanted.get(identityOf(endpoint))
    if (!now) return []
    wanted.delete(identityOf(endpoint))
    return [now]
  })
  for (const endpoint of endpoints.splice(maxEndpoints)) wanted.set(identityOf(endpoint), endpoint)
  return { slice, endpoints, changed: !equalJSON(endpoints, before.map(withoutHints)) }
}

/** Hints are given to what is packed. */
function withoutHints({ hints: _, ...endpoint }: Endpoint): Endpoint {
  return endpoint
}

function fill(draft: Draft, rest: readonly Endpoint[], maxEndpoints: number): Endpoint[] {
  const room = maxEndpoints - draft.endpoints.length
  if (room <= 0) return [...rest]
  draft.endpoints.push(...rest.slice(0, room))
  draft.changed ||= rest.length > 0
  return rest.slice(room)
}
