import type { ConfigMap, Pod, Secret } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { References } from '../env/env-for-pod.ts'
import { referencesOf } from '../volumes/pod-volumes.ts'

/** Fetches the ConfigMaps and Secrets that the pod names, as they are now. */
export async function fetchReferences(api: API, pod: Pod): Promise<References> {
  const namespace = pod.metadata.namespace ?? 'default'
  const { configMaps, secrets } = referencesOf(pod)
  const held = { configMaps: new Map<string, ConfigMap>(), secrets: new Map<string, Secret>() }
  await Promise.all([
    ...[...configMaps].map(async (name) => {
      const found = await api.get(resources.configMaps, { namespace, name })
      if (found) held.configMaps.set(name, found)
    }),
    ...[...secrets].map(async (name) => {
      const found = await api.get(resources.secrets, { namespace, name })
      if (found) held.secrets.set(name, found)
    }),
  ])
  return {
    configMap: (name) => held.configMaps.get(name),
    secret: (name) => held.secrets.get(name),
  }
}
