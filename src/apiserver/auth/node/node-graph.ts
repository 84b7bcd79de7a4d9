import type { Pod } from '#api/core.ts'
import { pods } from '#api/resources.ts'
import { prefixOf } from '../../rest/record.ts'
import type { Store, StoreEvent } from '../../storage/store.ts'

/** What a pod lets its node read. */
export type Referred = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts'

/** Which node each pod is bound to, and which objects each node's pods refer to. Source: plugin/pkg/auth/authorizer/node/graph.go. */
export interface NodeGraph {
  isReferred(node: string, kind: Referred, namespace: string, name: string): boolean
  nodeOfPod(namespace: string, name: string): string | undefined
}

export interface MutableNodeGraph extends NodeGraph {
  /** The pod as it is bound now. */
  set(pod: Pod): void
  delete(namespace: string, name: string): void
  clear(): void
}

const MIRROR = 'kubernetes.io/config.mirror'

export function createNodeGraph(): MutableNodeGraph {
  const bound = new Map<string, { readonly node: string; readonly refers: readonly string[] }>()
  /** How many pods of a node refer to an object, by `kind/namespace/name` and node. */
  const counts = new Map<string, Map<string, number>>()
  const count = (key: string, node: string, by: number) => {
    const nodes = counts.get(key) ?? new Map<string, number>()
    counts.set(key, nodes)
    const left = (nodes.get(node) ?? 0) + by
    if (left > 0) nodes.set(node, left)
    else nodes.delete(node)
    if (nodes.size === 0) counts.delete(key)
  }
  const forget = (path: string) => {
    const old = bound.get(path)
    for (const key of old?.refers ?? []) count(key, old!.node, -1)
    bound.delete(path)
  }
  return {
    isReferred: (node, kind, namespace, name) =>
      counts.get(`${kind}/${namespace}/${name}`)?.has(node) ?? false,
    nodeOfPod: (namespace, name) => bound.get(`${namespace}/${name}`)?.node,
    set(pod) {
      const { namespace = '', name } = pod.metadata
      const path = `${namespace}/${name}`
      forget(path)
      const node = pod.spec.nodeName
      if (!node) return
      const refers = [...referredBy(pod)].map(([kind, of]) => `${kind}/${namespace}/${of}`)
      for (const key of refers) count(key, node, 1)
      bound.set(path, { node, refers })
    },
    delete: (namespace, name) => forget(`${namespace}/${name}`),
    clear() {
      bound.clear()
      counts.clear()
    },
  }
}

/** Every object that the pod names; a mirror pod's node made it, and may not read by it. */
export function* referredBy({ metadata, spec }: Pod): Iterable<readonly [Referred, string]> {
  if (metadata.annotations?.[MIRROR] !== undefined) return
  const found = new Set<string>()
  const once = function* (kind: Referred, name: string | undefined) {
    if (!name || found.has(`${kind}/${name}`)) return
    found.add(`${kind}/${name}`)
    yield [kind, name] as const
  }
  yield* once('serviceaccounts', spec.serviceAccountName)
  for (const { name } of (spec as WithPullSecrets).imagePullSecrets ?? [])
    yield* once('secrets', name)
  for (const volume of (spec.volumes ?? []) as readonly AnyVolume[]) {
    for (const { configMap, secret } of [volume, ...(volume.projected?.sources ?? [])]) {
      yield* once('configmaps', configMap?.name)
      yield* once('secrets', secret?.secretName ?? secret?.name)
    }
    yield* once('persistentvolumeclaims', volume.persistentVolumeClaim?.claimName)
  }
  const { initContainers = [], containers, ephemeralContainers = [] } = spec as WithEphemeral
  for (const { env = [], envFrom = [] } of [
    ...initContainers,
    ...containers,
    ...ephemeralContainers,
  ]) {
    for (const { configMapRef, secretRef } of envFrom) {
      yield* once('configmaps', configMapRef?.name)
      yield* once('secrets', secretRef?.name)
    }
    for (const { valueFrom } of env) {
      yield* once('configmaps', valueFrom?.configMapKeyRef?.name)
      yield* once('secrets', valueFrom?.secretKeyRef?.name)
    }
  }
}

/** Fields that this program acts on nowhere else, or not in every kind of volume. */
interface Sources {
  readonly configMap?: { readonly name?: string }
  readonly secret?: { readonly secretName?: string; readonly name?: string }
}
interface AnyVolume extends Sources {
  readonly projected?: { readonly sources?: readonly Sources[] }
  readonly persistentVolumeClaim?: { readonly claimName?: string }
}
interface WithPullSecrets {
  readonly imagePullSecrets?: readonly { readonly name?: string }[]
}
type WithEphemeral = Pod['spec'] & { readonly ephemeralContainers?: Pod['spec']['containers'] }

const RETRY_MS = 1000

/**
 * Keeps the graph equal to the store until disposed. A pod's references stand still once it is bound, so that most events (new pods, new
 * statuses) are passed over without parsing them.
 */
export async function followPods(store: Store, graph: MutableNodeGraph): Promise<Disposable> {
  const prefix = prefixOf(pods)
  let watch: Disposable | undefined
  let retry: NodeJS.Timeout | undefined
  let stopped = false
  const begin = async () => {
    const { items, revision } = await store.list(prefix)
    graph.clear()
    for (const { value } of items) if (isBound(value)) graph.set(JSON.parse(value) as Pod)
    if (stopped) return
    const changed = (events: readonly StoreEvent[]) => {
      for (const event of events) apply(event, graph)
    }
    watch = store.watch(prefix, revision, { changed, failed: again })
  }
  const again = () => {
    watch?.[Symbol.dispose]()
    if (!stopped) retry = setTimeout(() => void begin().catch(again), RETRY_MS).unref()
  }
  await begin()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(retry)
      watch?.[Symbol.dispose]()
    },
  }
}

const isBound = (value: string) => value.includes('"nodeName":"')
const hasEphemeral = (value: string) => value.includes('"ephemeralContainers":[')

function apply(event: StoreEvent, graph: MutableNodeGraph): void {
  const before = event.previous?.value
  if (event.type === 'delete') {
    const { metadata } = JSON.parse(event.previous.value) as Pod
    graph.delete(metadata.namespace ?? '', metadata.name)
    return
  }
  const { value } = event.item
  if (!isBound(value)) return
  const isKnown = before !== undefined && isBound(before) && !hasEphemeral(value)
  if (!isKnown) graph.set(JSON.parse(value) as Pod)
}
