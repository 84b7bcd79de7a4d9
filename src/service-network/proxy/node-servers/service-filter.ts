import { changedServices, type ProxiedService, type ServiceModel } from '../../model.ts'

/**
 * Of one model after the other the few Services that `isWanted` tells: costs what changed, however many there are.
 *
 * @returns called with each model; what it gives is valid until the next call
 */
export function createServiceFilter(
  isWanted: (service: ProxiedService) => boolean,
): (model: ServiceModel) => ServiceModel {
  const wanted = new Map<string, ProxiedService>()
  let before: ServiceModel = new Map()
  return (model) => {
    for (const key of changedServices(before, model)) {
      const service = model.get(key)
      if (service && isWanted(service)) wanted.set(key, service)
      else wanted.delete(key)
    }
    before = model
    return wanted
  }
}
