import type { ServiceModel } from '../model.ts'

/** What an index knows to have changed between two models that it gave one after the other. */
const known = new WeakMap<
  ServiceModel,
  { readonly before: WeakRef<ServiceModel>; readonly keys: ReadonlySet<string> }
>()

export function recordChanges(
  before: ServiceModel,
  after: ServiceModel,
  keys: ReadonlySet<string>,
): void {
  known.set(after, { before: new WeakRef(before), keys })
}

/**
 * The keys of Services that are not the same object in both models: new ones, other ones, ones that are gone. Costs what changed where both
 * come from one index, one after the other; else a look at every Service.
 */
export function changedServices(before: ServiceModel, after: ServiceModel): Iterable<string> {
  if (before === after) return []
  const step = known.get(after)
  const isStep = step?.before.deref() === before
  const candidates = isStep ? step.keys : new Set([...before.keys(), ...after.keys()])
  return [...candidates].filter((key) => before.get(key) !== after.get(key))
}
