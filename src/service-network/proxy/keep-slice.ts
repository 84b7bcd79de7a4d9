import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { TRIGGER_TIME } from '../endpoints/trigger-times.ts'

/** Names of nodes are few, and come from outside. */
const MAX_NAMES = 10_000

/**
 * What a proxy holds of slices, for an informer's `keep`: not whose pods they are, and what many endpoints share only once. At 10,000
 * Services of 10 endpoints that is most of its memory.
 */
export function createSliceKeeper(): (slice: EndpointSlice) => EndpointSlice {
  const texts = new Map<string, string>()
  const share = (text: string) => {
    const held = texts.get(text)
    if (held !== undefined) return held
    if (texts.size >= MAX_NAMES) texts.clear()
    texts.set(text, text)
    return text
  }
  const conditionsOf = createConditions()
  const keepEndpoint = ({ addresses, conditions, nodeName, hints }: Endpoint): Endpoint => ({
    // Proxies use the first (API: discovery.k8s.io/v1 Endpoint).
    addresses: addresses.length > 1 ? addresses.slice(0, 1) : addresses,
    conditions: conditionsOf(conditions),
    ...(nodeName !== undefined && { nodeName: share(nodeName) }),
    ...(hints !== undefined && { hints }),
  })
  return ({ apiVersion, kind, metadata, addressType, endpoints, ports }) => {
    const { name, namespace, uid, resourceVersion, generation, labels, annotations } = metadata
    const at = annotations?.[TRIGGER_TIME]
    return {
      ...(apiVersion !== undefined && { apiVersion }),
      ...(kind !== undefined && { kind }),
      metadata: {
        name,
        ...(namespace !== undefined && { namespace: share(namespace) }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
        ...(generation !== undefined && { generation }),
        ...(labels && { labels }),
        ...(at !== undefined && { annotations: { [TRIGGER_TIME]: at } }),
      },
      addressType,
      endpoints: (endpoints ?? []).map(keepEndpoint),
      ...(ports !== undefined && { ports }),
    } as EndpointSlice
  }
}

type Conditions = NonNullable<Endpoint['conditions']>

/** Three conditions that are true, false or unknown: 27 objects at most. */
function createConditions(): (conditions: Endpoint['conditions']) => Conditions {
  const held = new Map<string, Conditions>()
  return ({ ready, serving, terminating } = {}) => {
    const key = `${ready} ${serving} ${terminating}`
    const known = held.get(key)
    if (known) return known
    const conditions: Conditions = {
      ...(ready !== undefined && { ready }),
      ...(serving !== undefined && { serving }),
      ...(terminating !== undefined && { terminating }),
    }
    if (held.size < 64) held.set(key, conditions)
    return conditions
  }
}
