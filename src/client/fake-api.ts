import type { KubernetesObject } from '#api/meta.ts'
import * as resources from '#api/resources.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import { type API, APIStatusError, type ListOptions, type WatchEvent } from './api.ts'
import { copy, defined, merged, specOf, statusOf } from './fake-objects.ts'

/** An API in memory, for tests: revisions, watches, conflicts, finalizers, graceful deletion of bound pods. */
export interface FakeAPI extends API {
  /** What was asked, as `create pods default/web`, in order. */
  readonly requests: string[]
  /** Every request fails with this while it is set. */
  failure: Error | undefined
  /** Kinds that are served beside the built-in ones. */
  custom: readonly Resource[]
  /** Ends all watches, as a server does that stops. */
  dropWatches(): void
  /** Forgets the history, so that a watch from before gets 410. */
  compact(): void
}

interface Entry {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly plural: string
  readonly revision: number
  readonly object: KubernetesObject
}

const builtIn = (Object.values(resources) as readonly unknown[]).filter(
  (value): value is Resource => typeof value === 'object' && value !== null && 'plural' in value,
)

export function createFakeAPI(clock: () => Date = () => new Date()): FakeAPI {
  const objects = new Map<string, KubernetesObject>()
  let log: Entry[] = []
  let revision = 0
  let compacted = 0
  let uids = 0
  let news = Promise.withResolvers<void>()
  let generation = 0 // of watches: dropWatches() ends the current one

  const pathOf = (
    resource: Resource,
    { namespace = '', name }: { namespace?: string; name: string },
  ) => `${resource.plural}.${resource.group}/${namespace}/${name}`
  const kindOf = (resource: Resource) => `${resource.plural}.${resource.group}`

  function refuse(code: number, reason: string, message: string): never {
    throw new APIStatusError(statusOf(code, reason, message))
  }

  function write(
    type: Entry['type'],
    resource: Resource,
    object: KubernetesObject,
  ): KubernetesObject {
    revision++
    const stored = {
      ...object,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      metadata: { ...object.metadata, resourceVersion: String(revision) },
    }
    const path = pathOf(resource, stored.metadata)
    if (type === 'DELETED') objects.delete(path)
    else objects.set(path, stored)
    log.push({ type, plural: kindOf(resource), revision, object: stored })
    news.resolve()
    news = Promise.withResolvers()
    return stored
  }

  /** Writes an update; the last finalizer's removal from a deleted object deletes it. */
  function save(resource: Resource, object: KubernetesObject): KubernetesObject {
    const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds } = object.metadata
    const held = (object as { spec?: { finalizers?: string[] } }).spec?.finalizers ?? []
    const gone = deletionTimestamp !== undefined && finalizers.length === 0 && held.length === 0
    return write(gone && !deletionGracePeriodSeconds ? 'DELETED' : 'MODIFIED', resource, object)
  }

  function replace(
    resource: Resource,
    old: KubernetesObject,
    wanted: KubernetesObject,
    subresource?: string,
  ) {
    const version = wanted.metadata.resourceVersion
    if (version !== undefined && version !== old.metadata.resourceVersion) {
      refuse(
        409,
        'Conflict',
        `${resource.plural} "${old.metadata.name}": the object has been modified`,
      )
    }
    const { status: oldStatus, ...oldRest } = old as KubernetesObject & { status?: unknown }
    const { status, ...rest } = wanted as KubernetesObject & { status?: unknown }
    if (subresource === 'status')
      return save(resource, { ...oldRest, ...defined({ status }) } as KubernetesObject)
    const { uid, creationTimestamp, deletionTimestamp, generation = 1 } = old.metadata
    const bumped = specOf(old) === specOf(wanted) ? generation : generation + 1
    return save(resource, {
      ...rest,
      metadata: {
        ...wanted.metadata,
        ...defined({ uid, creationTimestamp, deletionTimestamp }),
        generation: bumped,
      },
      ...defined({ status: oldStatus }),
    } as KubernetesObject)
  }

  const matches = (
    resource: Resource,
    { namespace, labelSelector, fieldSelector }: ListOptions,
    object: KubernetesObject,
  ) => {
    if (labelSelector || fieldSelector) throw new Error('The fake API knows no selectors')
    return (
      !resource.namespaced || namespace === undefined || object.metadata.namespace === namespace
    )
  }

  async function enter(verb: string, resource: Resource, what: string) {
    api.requests.push(`${verb} ${resource.plural} ${what}`)
    await Promise.resolve()
    if (api.failure) throw api.failure
  }
  const nameOf = ({ namespace, name }: { namespace?: string; name: string }) =>
    namespace ? `${namespace}/${name}` : name
  const find = (resource: Resource, key: { namespace?: string; name: string }) =>
    objects.get(pathOf(resource, key)) ??
    refuse(404, 'NotFound', `${resource.plural} "${key.name}" not found`)

  const api: FakeAPI = {
    requests: [],
    custom: [],
    failure: undefined,
    dropWatches() {
      generation++
      news.resolve()
      news = Promise.withResolvers()
    },
    compact() {
      compacted = revision
      log = []
    },
    async get<T extends KubernetesObject>(
      resource: Resource<T>,
      key: { namespace?: string; name: string },
    ) {
      await enter('get', resource, nameOf(key))
      return copy(objects.get(pathOf(resource, key))) as T | undefined
    },
    async list<T extends KubernetesObject>(
      resource: Resource<T>,
      options: ListOptions & { readonly keep?: (item: T) => T } = {},
    ) {
      const { keep = (item: T) => item } = options
      await enter('list', resource, options.namespace ?? '')
      const items = [...objects.entries()]
        .filter(
          ([path, object]) =>
            path.startsWith(`${kindOf(resource)}/`) && matches(resource, options, object),
        )
        .map(([, object]) => keep(copy(object) as T))
      return { items, resourceVersion: String(revision) }
    },
    async create<T extends KubernetesObject>(
      resource: Resource<T>,
      object: T,
      subresource?: 'binding' | 'token',
    ) {
      if (subresource === 'binding') {
        await enter('bind', resource, nameOf(object.metadata))
        const pod = find(resource, object.metadata)
        const { target } = object as unknown as { target: { name: string } }
        const { spec } = pod as unknown as { spec: object }
        return copy(
          save(resource, { ...pod, spec: { ...spec, nodeName: target.name } } as KubernetesObject),
        ) as T
      }
      const { generateName, namespace } = object.metadata
      const name = object.metadata.name || `${generateName}${String(++uids).padStart(5, '0')}`
      await enter('create', resource, nameOf({ ...defined({ namespace }), name }))
      if (objects.has(pathOf(resource, { ...defined({ namespace }), name }))) {
        refuse(409, 'AlreadyExists', `${resource.plural} "${name}" already exists`)
      }
      const metadata = {
        ...object.metadata,
        name,
        uid: `uid-${++uids}`,
        creationTimestamp: clock().toISOString(),
        generation: 1,
      }
      return copy(write('ADDED', resource, { ...copy(object)!, metadata })) as T
    },
    async update<T extends KubernetesObject>(
      resource: Resource<T>,
      object: T,
      subresource?: string,
    ) {
      await enter(
        subresource ? `update ${subresource} of` : 'update',
        resource,
        nameOf(object.metadata),
      )
      return copy(
        replace(resource, find(resource, object.metadata), copy(object)!, subresource),
      ) as T
    },
    async patch<T extends KubernetesObject>(
      resource: Resource<T>,
      key: { namespace?: string; name: string },
      type: string,
      patch: unknown,
      subresource?: string,
    ) {
      await enter('patch', resource, nameOf(key))
      if (type !== 'merge') throw new Error('The fake API knows merge patches only')
      const old = find(resource, key)
      const { resourceVersion: _, ...metadata } = old.metadata
      return copy(replace(resource, old, merged({ ...old, metadata }, patch), subresource)) as T
    },
    async delete(resource, key, options = {}) {
      await enter('delete', resource, nameOf(key))
      const old = objects.get(pathOf(resource, key))
      if (!old) return false
      const { uid } = options.preconditions ?? {}
      if (uid !== undefined && uid !== old.metadata.uid)
        refuse(409, 'Conflict', 'the UID in the precondition differs')
      const policy = { Foreground: ['foregroundDeletion'], Orphan: ['orphan'], Background: [] }[
        options.propagationPolicy ?? 'Background'
      ]
      const finalizers = [...new Set([...(old.metadata.finalizers ?? []), ...policy])]
      const { nodeName, finalizers: held } =
        (old as { spec?: { nodeName?: string; finalizers?: string[] } }).spec ?? {}
      const grace = resource.plural === 'pods' && nodeName ? (options.gracePeriodSeconds ?? 30) : 0
      if (finalizers.length === 0 && grace === 0 && !held?.length) {
        write('DELETED', resource, old)
        return true
      }
      if (
        old.metadata.deletionTimestamp &&
        grace === (old.metadata.deletionGracePeriodSeconds ?? 0)
      )
        return true
      const metadata = {
        ...old.metadata,
        finalizers,
        deletionTimestamp: clock().toISOString(),
        deletionGracePeriodSeconds: grace,
      }
      save(resource, { ...old, metadata })
      return true
    },
    async *watch<T extends KubernetesObject>(
      resource: Resource<T>,
      options: ListOptions & { resourceVersion: string },
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent<T>, void> {
      await enter('watch', resource, options.resourceVersion)
      let seen = Number(options.resourceVersion)
      if (seen < compacted) {
        yield { type: 'ERROR', object: statusOf(410, 'Expired', 'too old resource version') }
        return
      }
      const mine = generation
      const aborted = new Promise<void>((resolve) =>
        signal.addEventListener('abort', () => resolve(), { once: true }),
      )
      while (!signal.aborted && mine === generation) {
        const wait = news.promise
        for (const { type, plural, revision: at, object } of log.filter(
          (entry) => entry.revision > seen,
        )) {
          seen = at
          if (plural === kindOf(resource) && matches(resource, options, object))
            yield { type, object: copy(object) as T }
        }
        if (revision === seen || log.length === 0) await Promise.race([wait, aborted])
      }
    },
    async discover() {
      const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']
      return [...builtIn, ...api.custom].map((resource) => ({ ...resource, verbs }))
    },
    async [Symbol.asyncDispose]() {},
  }
  return api
}
