import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { type API, APIStatusError } from './api.ts'
import { backoffDelay, pause } from './backoff.ts'
import type { InformerOptions, WriteThroughInformer } from './informer.ts'
import { createObjectCache, isNewer, type ObjectCache } from './object-cache.ts'
import { withoutManagedFields } from './omit-managed-fields.ts'

const BACKOFF = { baseMS: 100, capMS: 2_000 }
/** A watch that lasted this long did work: the next failure is the first again. */
const HEALTHY_MS = 5_000

/** Lists and watches until `signal` aborts. Failures go to `options.onError` and are tried again with a growing delay. */
export function createInformer<T extends KubernetesObject>(
  api: API,
  resource: Resource<T>,
  signal: AbortSignal,
  options: InformerOptions<T> = {},
): WriteThroughInformer<T> {
  const { onError = () => {}, keep: keepMore = (object) => object } = options
  const keep = (object: T) => keepMore(withoutManagedFields(object))
  const cache = createObjectCache<T>((error) => onError(error, resource))
  const synced = Promise.withResolvers<void>()
  synced.promise.catch(() => {}) // whoever waits for it hears of it
  const feed: Feed = { resourceVersion: undefined }
  void follow(
    api,
    resource,
    signal,
    { ...options, onError, keep },
    cache,
    feed,
    synced.resolve,
  ).finally(() => synced.reject(signal.reason))
  return {
    synced: synced.promise,
    list: cache.list,
    get: cache.get,
    select: cache.select,
    subscribe: cache.subscribe,
    remember(object) {
      const { resourceVersion } = object.metadata
      if (isNewer(resourceVersion, feed.resourceVersion) && !isBehind(cache, object))
        cache.put(keep(object))
    },
  }
}

/** Up to which revision the cache shows what happened. */
interface Feed {
  resourceVersion: string | undefined
}

type FollowOptions<T extends KubernetesObject> = InformerOptions<T> &
  Required<Pick<InformerOptions<T>, 'onError' | 'keep'>>

async function follow<T extends KubernetesObject>(
  api: API,
  resource: Resource<T>,
  signal: AbortSignal,
  options: FollowOptions<T>,
  cache: ObjectCache<T>,
  feed: Feed,
  onList: () => void,
): Promise<void> {
  let failures = 0
  let current = false
  while (!signal.aborted) {
    const started = performance.now()
    try {
      if (!current) {
        await list(api, resource, signal, options, cache, feed)
        if (signal.aborted) return
        current = true
        onList()
      }
      await watch(api, resource, signal, options, cache, feed)
    } catch (error) {
      if (signal.aborted) return
      // The server answered and refused this revision (410, or one from before its store was replaced): list again.
      if (error instanceof APIStatusError) current = false
      if (!isExpired(error)) options.onError(error, resource)
    }
    failures = performance.now() - started > HEALTHY_MS ? 0 : failures + 1
    await pause(backoffDelay(failures, BACKOFF), signal)
  }
}

/** Not a part of the loop, which would hold the list for as long as the watch after it lasts. */
async function list<T extends KubernetesObject>(
  api: API,
  resource: Resource<T>,
  signal: AbortSignal,
  options: FollowOptions<T>,
  cache: ObjectCache<T>,
  feed: Feed,
): Promise<void> {
  const { items, resourceVersion } = await api.list(resource, {
    ...options,
    omitManagedFields: true,
  })
  if (signal.aborted) return
  // A list older than what was seen: the server's store was replaced, and nothing held here counts any more.
  const reset = isNewer(feed.resourceVersion, resourceVersion)
  feed.resourceVersion = resourceVersion
  cache.replace(items, reset ? undefined : resourceVersion)
}

async function watch<T extends KubernetesObject>(
  api: API,
  resource: Resource<T>,
  signal: AbortSignal,
  options: FollowOptions<T>,
  cache: ObjectCache<T>,
  feed: Feed,
): Promise<void> {
  const events = api.watch(
    resource,
    {
      ...options,
      resourceVersion: feed.resourceVersion ?? '',
      // 5-10 minutes, spread, as client-go does: a lost event heals, and restarts do not come in step.
      timeoutSeconds: Math.ceil(300 * (1 + Math.random())),
    },
    signal,
  )
  for await (const event of events) {
    if (event.type === 'ERROR') throw new APIStatusError(event.object)
    feed.resourceVersion = event.object.metadata.resourceVersion ?? feed.resourceVersion
    if (event.type === 'BOOKMARK' || isBehind(cache, event.object)) continue
    const object = options.keep(event.object)
    if (event.type === 'DELETED') cache.remove(object)
    else cache.put(object)
  }
}

/** Whether a later write, an own one, is known already. */
function isBehind<T extends KubernetesObject>(cache: ObjectCache<T>, { metadata }: T): boolean {
  return isNewer(cache.get(metadata)?.metadata.resourceVersion, metadata.resourceVersion)
}

function isExpired(error: unknown): boolean {
  return error instanceof APIStatusError && error.code === 410
}
