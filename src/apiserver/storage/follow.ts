import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { objectOf, prefixOf } from '../rest/record.ts'
import type { Store, StoreEvent } from './store.ts'

/** What happens to the objects of one kind: `old` is missing for a new one, `object` for one that went. */
export type Change<T extends KubernetesObject> = (object: T | undefined, old: T | undefined) => void

const RETRY_MS = 1000

/**
 * Tells of every object of a kind, first of those that are there, until disposed. Where the store cuts the watch off, `reset` is called and all
 * is told anew.
 */
export async function follow<T extends KubernetesObject>(
  store: Store,
  resource: Resource<T>,
  change: Change<T>,
  reset: () => void,
): Promise<Disposable> {
  let watch: Disposable | undefined
  let retry: NodeJS.Timeout | undefined
  let stopped = false
  const read = (item: Parameters<typeof objectOf>[0] | undefined) =>
    item && (objectOf(item, resource) as T)
  const tell = (events: readonly StoreEvent[]) => {
    for (const event of events)
      change(event.type === 'put' ? read(event.item) : undefined, read(event.previous))
  }
  const begin = async () => {
    const prefix = prefixOf(resource)
    const { items, revision } = await store.list(prefix)
    reset()
    for (const item of items) change(read(item), undefined)
    if (stopped) return
    watch = store.watch(prefix, revision, { changed: tell, failed: again })
  }
  const again = () => {
    watch?.[Symbol.dispose]()
    if (stopped) return
    retry = setTimeout(() => void begin().catch(again), RETRY_MS).unref()
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
