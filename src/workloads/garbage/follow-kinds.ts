import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { createInformer } from '#client/create-informer.ts'
import type { DiscoveredResource } from '#client/discovery.ts'
import type { Informer } from '#client/informer.ts'
import type { Log } from '#log/log.ts'
import type { Graph, Watched } from './graph.ts'

/** As upstream's garbage collector asks anew (cmd/kube-controller-manager, garbage collector sync). */
const REFRESH_MS = 30_000
const AFTER_CHANGE_MS = 500
/** Upstream's ignored resources: they come and go on their own, and in great number. */
const IGNORED = new Set(['events.', 'events.events.k8s.io'])
const NEEDED_VERBS = ['list', 'watch', 'delete']

export interface KindsOptions {
  readonly api: API
  /** A change here means that kinds came or went. */
  readonly definitions: Pick<Informer<KubernetesObject>, 'subscribe'>
  readonly log: Log
  readonly signal: AbortSignal
}

interface Listener {
  /** There are kinds now that there were not. */
  added(): void
}

/** All kinds that the server has, those of others' informers included. */
export interface Kinds {
  /** Resolves when everything that is there has been read once. */
  readonly synced: Promise<void>
  find(apiVersion: string, kind: string): Resource | undefined
}

/**
 * Watches, beside what is in the graph already, every kind that discovery names, as kinds come and go. Of objects only
 * what says who owns whom is held.
 */
export function followKinds(
  { api, definitions, log, signal }: KindsOptions,
  shared: readonly Watched[],
  graph: Graph,
  { added: onAdded }: Listener,
): Kinds {
  const isShared = new Set(shared.map(({ resource }) => keyOf(resource)))
  const followed = new Map<string, AbortController>()
  let known: readonly DiscoveredResource[] = []

  async function refresh(): Promise<void> {
    known = await api.discover()
    const wanted = known.filter(isCollectable).filter((one) => !isShared.has(keyOf(one)))
    const names = new Set(wanted.map(nameOf))
    for (const [name, controller] of followed) {
      if (names.has(name)) continue
      followed.delete(name)
      controller.abort()
      graph.remove(name)
    }
    const added = wanted.filter((one) => !followed.has(nameOf(one)))
    await Promise.all(added.map(add))
    if (added.length > 0) onAdded()
  }

  function add(resource: DiscoveredResource): Promise<void> {
    const controller = new AbortController()
    followed.set(nameOf(resource), controller)
    const informer = createInformer(api, resource, AbortSignal.any([signal, controller.signal]), {
      keep: onlyOwnership,
    })
    graph.add(nameOf(resource), { resource, informer })
    return informer.synced.catch(() => {}) // gone again meanwhile
  }

  const again = () => {
    refresh().catch((error) => {
      if (!signal.aborted) log.warn('Cannot ask for the kinds: trying again', { error })
    })
  }
  let soon: NodeJS.Timeout | undefined
  const timer = setInterval(again, REFRESH_MS)
  timer.unref()
  const stop = definitions.subscribe(() => {
    clearTimeout(soon)
    soon = setTimeout(again, AFTER_CHANGE_MS)
  })
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    clearTimeout(soon)
    stop()
  })
  return {
    synced: refreshUntilDone(refresh, signal),
    find: (apiVersion, kind) =>
      known.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion) ??
      known.find((one) => one.kind === kind && one.group === groupOf(apiVersion)),
  }
}

/** Until then nobody knows whose dependents there are. */
async function refreshUntilDone(refresh: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await refresh()
    } catch (error) {
      signal.throwIfAborted()
      await new Promise((resolve) => setTimeout(resolve, AFTER_CHANGE_MS))
      if (signal.aborted) throw error
    }
  }
}

const isCollectable = (resource: DiscoveredResource) =>
  !IGNORED.has(keyOf(resource)) && NEEDED_VERBS.every((verb) => resource.verbs.includes(verb))

const keyOf = ({ plural, group }: Resource) => `${plural}.${group}`
/** Another version is another address. */
const nameOf = (resource: Resource) => `${keyOf(resource)}/${resource.version}`
const groupOf = (apiVersion: string) => (apiVersion.includes('/') ? apiVersion.split('/')[0] : '')

function onlyOwnership({ apiVersion, kind, metadata }: KubernetesObject): KubernetesObject {
  const { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } =
    metadata
  return {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind }),
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
  }
}
