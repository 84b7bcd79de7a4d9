import type { EndpointSlice } from '#api/discovery.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import type { SlicePlan } from './plan-slices.ts'

/** Writes a plan: what is new before what goes, so that no moment has too few endpoints. */
export async function applySlices(
  api: API,
  slices: Pick<WriteThroughInformer<EndpointSlice>, 'remember'>,
  { create, update, remove }: SlicePlan,
): Promise<void> {
  for (const slice of create) slices.remember(await api.create(resources.endpointSlices, slice))
  for (const slice of update) slices.remember(await api.update(resources.endpointSlices, slice))
  for (const { metadata } of remove) await api.delete(resources.endpointSlices, metadata)
}
