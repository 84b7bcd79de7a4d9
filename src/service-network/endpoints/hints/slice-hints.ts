import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import type { SlicePlan } from '../plan-slices.ts'

/** Slices of one Service and family: those that a plan writes, and those that it leaves alone. */
export interface PlannedSlices {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly unchanged: readonly EndpointSlice[]
}

/** `unchanged`: what of `held` the plan neither writes nor removes. */
export function plannedSlices(plan: SlicePlan, held: readonly EndpointSlice[]): PlannedSlices {
  const touched = new Set([...plan.update, ...plan.remove].map(({ metadata }) => metadata.name))
  return { ...plan, unchanged: held.filter(({ metadata }) => !touched.has(metadata.name)) }
}

/** Gives every endpoint the hints that `hintsOf` says; slices that have them already are not written for it. */
export function withHints(
  { create, update, unchanged }: PlannedSlices,
  hintsOf: (endpoint: Endpoint) => Endpoint['hints'],
): Pick<SlicePlan, 'create' | 'update'> {
  const set = (slice: EndpointSlice): EndpointSlice => ({
    ...slice,
    endpoints: (slice.endpoints ?? []).map((endpoint) => setHints(endpoint, hintsOf(endpoint))),
  })
  const isRight = ({ endpoints = [] }: EndpointSlice) =>
    (endpoints ?? []).every((endpoint) => isSame(endpoint.hints, hintsOf(endpoint)))
  return {
    create: create.map(set),
    update: [...update.map(set), ...unchanged.filter((slice) => !isRight(slice)).map(set)],
  }
}

export function setHints({ hints: _, ...endpoint }: Endpoint, hints: Endpoint['hints']): Endpoint {
  return { ...endpoint, ...(hints && { hints }) }
}

export function isReadyEndpoint({ conditions }: Endpoint): boolean {
  return conditions?.ready === true
}

function isSame(a: Endpoint['hints'], b: Endpoint['hints']): boolean {
  const names = (list: readonly { readonly name: string }[] | null | undefined) =>
    (list ?? []).map(({ name }) => name).join()
  return names(a?.forZones) === names(b?.forZones) && names(a?.forNodes) === names(b?.forNodes)
}
