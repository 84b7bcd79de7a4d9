import type { ServiceModel } from '../../model.ts'
import type { Element } from './nft-plan.ts'
import { numberEndpoints } from './number-endpoints.ts'
import type { AffinityEntry } from './table-writer.ts'

/** Of what clients remember, that whose endpoint still gets traffic for their frontend. */
export function liveAffinity(
  entries: readonly AffinityEntry[],
  model: ServiceModel,
): readonly AffinityEntry[] {
  if (entries.length === 0) return []
  const live = new Set<string>()
  for (const { ports } of model.values()) {
    for (const { affinityTimeoutSeconds, frontends, protocol, endpoints } of ports) {
      if (affinityTimeoutSeconds === undefined) continue
      for (const choice of numberEndpoints([...endpoints.cluster, ...endpoints.local]).keys())
        for (const frontend of frontends) live.add(keyOf({ ...frontend, protocol }, choice))
    }
  }
  return entries.filter(({ frontend, choice }) => live.has(keyOf(frontend, choice)))
}

function keyOf({ ip, protocol, port }: AffinityEntry['frontend'], choice: number): string {
  return `${ip} ${protocol} ${port} ${choice}`
}

/** The entry as an element of the map. */
export function toElement({ client, frontend, choice, ...times }: AffinityEntry): Element {
  return {
    set: 'affinity',
    key: [client, frontend.ip, frontend.protocol, frontend.port],
    value: { kind: 'choice', choice },
    ...times,
  }
}
