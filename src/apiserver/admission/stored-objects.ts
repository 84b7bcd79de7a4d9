import { randomUUID } from 'node:crypto'
import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { Log } from '#log/log.ts'
import { encodeRecord, keyOf, objectOf, prefixOf } from '../rest/record.ts'
import { timestamp } from '../rest/timestamp.ts'
import type { Store, StoreEvent } from '../storage/store.ts'
import type { Follower, StoredObjects } from './admission.ts'

/** How long after a watch was lost the next one is tried. */
const RETRY_MS = 1000

/** The store, seen as objects by the parts of the server that need no API for it. */
export function createStoredObjects(store: Store, log: Log): StoredObjects {
  const keyFor = (resource: Resource, { namespace, name }: KubernetesObject['metadata']) =>
    keyOf(resource, namespace, name)
  const revisionOf = ({ metadata }: KubernetesObject) => Number(metadata.resourceVersion)
  return {
    async list<T extends KubernetesObject>(resource: Resource<T>) {
      const { items } = await store.list(prefixOf(resource))
      return items.map((item) => objectOf(item, resource) as T) // written by the rules of its kind
    },
    async get<T extends KubernetesObject>(
      resource: Resource<T>,
      { namespace, name }: { readonly namespace?: string; readonly name: string },
    ) {
      const item = await store.get(keyOf(resource, namespace, name))
      return item && (objectOf(item, resource) as T)
    },
    async create(resource, object) {
      const metadata = {
        ...object.metadata,
        uid: randomUUID(),
        creationTimestamp: timestamp(),
      }
      const record = encodeRecord({ ...object, metadata }, resource)
      return (await store.create(keyFor(resource, metadata), record)).ok
    },
    async update(resource, object) {
      const record = encodeRecord(object, resource)
      return (await store.update(keyFor(resource, object.metadata), revisionOf(object), record)).ok
    },
    async delete(resource, object) {
      return (await store.delete(keyFor(resource, object.metadata), revisionOf(object))).ok
    },
    follow: (resource, follower) => follow(store, resource, follower, log),
  }
}

async function follow<T extends KubernetesObject>(
  store: Store,
  resource: Resource<T>,
  follower: Follower<T>,
  log: Log,
): Promise<Disposable> {
  const prefix = prefixOf(resource)
  const decode = (item: Parameters<typeof objectOf>[0]) => objectOf(item, resource) as T
  let stopped = false
  let watch: Disposable | undefined
  let timer: NodeJS.Timeout | undefined

  const tell = (event: StoreEvent) => {
    if (event.type === 'put') follower.put(decode(event.item))
    else follower.removed(decode(event.previous))
  }
  const open = async () => {
    const { items, revision } = await store.list(prefix)
    if (stopped) return
    follower.replaced(items.map(decode))
    watch = store.watch(prefix, revision, {
      changed: (events) => events.forEach(tell),
      failed: retry,
    })
  }
  const retry = (error: unknown) => {
    if (stopped) return
    log.warn(`Cannot follow ${resource.plural}: trying again`, { error: error as Error })
    timer = setTimeout(() => void open().catch(retry), RETRY_MS)
    timer.unref()
  }

  await open()
  return {
    [Symbol.dispose]() {
      stopped = true
      clearTimeout(timer)
      watch?.[Symbol.dispose]()
    },
  }
}
