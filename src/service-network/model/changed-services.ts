import type { ServiceModel } from '../model.ts'
import type { VersionedMap } from './versioned-map.ts'

/**
 * The keys of Services that are not the same object in both models: new ones, other ones, ones that are gone. Costs what changed where both
 * come from one index, one after the other; else a look at every Service.
 */
export function changedServices(before: ServiceModel, after: ServiceModel): readonly string[] {
  if (before === after) return []
  const step = isVersioned(before) ? before.changesTo(after) : undefined
  const candidates = step ?? new Set([...before.keys(), ...after.keys()])
  return [...candidates].filter((key) => before.get(key) !== after.get(key))
}

function isVersioned(model: ServiceModel): model is VersionedMap<never> {
  return 'changesTo' in model
}
