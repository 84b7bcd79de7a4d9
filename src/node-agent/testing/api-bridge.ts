/**
 * An API across a process boundary, for tests: the agent under test runs in its own process, inside a namespace, and can be killed,
 * while the fake API with all objects lives on in the test.
 */
import type { KubernetesObject, Status } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { type API, APIStatusError, type ListOptions, type WatchEvent } from '#client/api.ts'

type Verb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'delete' | 'discover'

export type Call =
  | { readonly id: number; readonly verb: Verb; readonly args: readonly unknown[] }
  | { readonly id: number; readonly verb: 'watch'; readonly args: readonly unknown[] }

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly refusal: Status }
  | { readonly id: number; readonly error: string }
  | { readonly id: number; readonly event: WatchEvent<KubernetesObject> }

/** The test's side: answers calls from `api`. What goes through a channel as JSON loses its `undefined`s. */
export function serveAPI(api: API, send: (answer: Answer) => void, signal: AbortSignal) {
  return async ({ id, verb, args }: Call): Promise<void> => {
    try {
      if (verb === 'watch') {
        const [resource, options] = args as [Resource, ListOptions & { resourceVersion: string }]
        for await (const event of api.watch(resource, withoutFields(options), signal))
          send({ id, event })
        return
      }
      const given = verb === 'list' ? [args[0], withoutFields(args[1] as ListOptions)] : args
      const call = api[verb] as (...args: readonly unknown[]) => Promise<unknown>
      send({ id, value: await call(...given) })
    } catch (error) {
      if (error instanceof APIStatusError) send({ id, refusal: error.status })
      else send({ id, error: String(error) })
    }
  }
}

/** The fake API knows no selectors; all pods of these tests are on the one node. */
function withoutFields<T extends ListOptions>({ fieldSelector: _, ...options }: T) {
  return options
}

/** The agent's side: an API whose every call is a message. */
export function createBridgedAPI(send: (call: Call) => void): {
  readonly api: API
  readonly receive: (answer: Answer) => void
} {
  let ids = 0
  const waiting = new Map<number, (answer: Answer) => void>()
  const ask = (verb: Verb, ...args: readonly unknown[]) => {
    const id = ++ids
    const { promise, resolve, reject } = Promise.withResolvers<never>()
    waiting.set(id, (answer) => {
      waiting.delete(id)
      if ('value' in answer) resolve(answer.value as never)
      else if ('refusal' in answer) reject(new APIStatusError(answer.refusal))
      else if ('error' in answer) reject(new Error(answer.error))
      else resolve(undefined as never)
    })
    send({ id, verb, args })
    return promise
  }
  const api: API = {
    get: (...args) => ask('get', ...args),
    list: (...args) => ask('list', ...args),
    create: (...args) => ask('create', ...args),
    update: (...args) => ask('update', ...args),
    patch: (...args) => ask('patch', ...args),
    delete: (...args) => ask('delete', ...args),
    discover: () => ask('discover'),
    async *watch<T extends KubernetesObject>(
      resource: Resource<T>,
      options: ListOptions & { readonly resourceVersion: string },
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent<T>> {
      const id = ++ids
      const events: WatchEvent<T>[] = []
      let news = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => news.resolve())
      waiting.set(id, (answer) => {
        if ('event' in answer) events.push(answer.event as WatchEvent<T>)
        news.resolve()
      })
      send({ id, verb: 'watch', args: [resource, options] })
      while (!signal.aborted) {
        yield* events.splice(0)
        await news.promise
        news = Promise.withResolvers()
      }
    },
    async [Symbol.asyncDispose]() {},
  }
  return { api, receive: (answer) => waiting.get(answer.id)?.(answer) }
}
