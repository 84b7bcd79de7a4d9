import type { KubernetesObject, Status } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import {
  type API,
  APIStatusError,
  type PatchType,
  type ReadOptions,
  type WatchEvent,
} from './api.ts'
import { collectionPath, objectPath, selectorsOf, withQuery } from './api-paths.ts'
import { type Connection, ConnectionError, createConnection, type Request } from './connection.ts'
import { DISCOVERY_TYPE, type GroupDiscoveryList, readDiscovery } from './discovery.ts'
import { parseJSONLines } from './json-lines.ts'
import type { ClusterAccess } from './kubeconfig.ts'
import { parseWithoutManagedFields } from './omit-managed-fields.ts'
import { type List, readPages } from './read-pages.ts'

const REQUEST_TIMEOUT_MS = 30_000
const MAX_BODY_BYTES = 256 << 20

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
}

/** The API of a cluster, over one HTTP/2 connection that is opened when first used. Dispose of it to let the process end. */
export function createAPI(access: ClusterAccess, connection = createConnection(access)): API {
  const authorization = async () => (access.token ? { token: await access.token() } : {})
  const call = async <T>(
    method: string,
    path: string,
    object?: unknown,
    contentType = 'application/json',
    accept?: string,
  ) =>
    exchange<T>(connection, access.server, {
      method,
      path,
      ...(await authorization()),
      ...(accept ? { accept } : {}),
      ...(object !== undefined && { body: { contentType, text: JSON.stringify(object) } }),
    })

  return {
    async get(resource, key) {
      return orWhenMissing(call('GET', objectPath(resource, key)), undefined)
    },
    list<T extends KubernetesObject>(
      resource: Resource<T>,
      { keep = (item) => item, omitManagedFields = false, ...options }: ReadOptions<T> = {},
    ) {
      const collection = collectionPath(resource, options.namespace)
      const parse = omitManagedFields ? parseWithoutManagedFields : JSON.parse
      const page = async (limit?: number, token?: string) => {
        const path = withQuery(collection, { ...selectorsOf(options), limit, continue: token })
        const request = { method: 'GET', path, ...(await authorization()) }
        return exchange<List<T>>(connection, access.server, request, parse)
      }
      // List items come without their kind; code that reads objects from lists and watches wants one shape.
      return readPages(page, (item) => keep(named(resource, item)))
    },
    create(resource, object, subresource) {
      const path =
        subresource === undefined
          ? collectionPath(resource, object.metadata.namespace)
          : objectPath(resource, object.metadata, subresource)
      return call('POST', path, named(resource, object))
    },
    update(resource, object, subresource) {
      return call(
        'PUT',
        objectPath(resource, object.metadata, subresource),
        named(resource, object),
      )
    },
    patch(resource, key, type, patch, subresource) {
      return call('PATCH', objectPath(resource, key, subresource), patch, patchContentTypes[type])
    },
    async delete(resource, key, options = {}) {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options }
      return orWhenMissing(
        call('DELETE', objectPath(resource, key), body).then(() => true),
        false,
      )
    },
    watch: (resource, options, signal) =>
      watch(
        access,
        connection,
        withQuery(collectionPath(resource, options.namespace), {
          watch: true,
          allowWatchBookmarks: true,
          ...selectorsOf(options),
          resourceVersion: options.resourceVersion,
          timeoutSeconds: options.timeoutSeconds,
        }),
        signal,
      ),
    async discover() {
      const ask = (path: string) =>
        call<GroupDiscoveryList>('GET', path, undefined, undefined, DISCOVERY_TYPE)
      return (await Promise.all([ask('/api'), ask('/apis')])).flatMap(readDiscovery)
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

async function exchange<T>(
  connection: Connection,
  server: string,
  request: Request,
  parse: (text: string) => unknown = JSON.parse,
): Promise<T> {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  try {
    const response = await connection.send(request, signal)
    const text = await readText(response.body)
    if (response.status >= 400) throw new APIStatusError(toStatus(response.status, text))
    return parse(text) as T
  } catch (error) {
    if (!signal.aborted) throw error
    throw new ConnectionError(server, new Error(`no answer after ${REQUEST_TIMEOUT_MS / 1000} s`))
  }
}

async function* watch<T>(
  { token }: ClusterAccess,
  connection: Connection,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>, void> {
  // The head must come soon, the body lasts.
  const ended = new AbortController()
  const timer = setTimeout(
    () =>
      ended.abort(
        new Error(`Cannot watch ${path}: no answer after ${REQUEST_TIMEOUT_MS / 1000} s`),
      ),
    REQUEST_TIMEOUT_MS,
  )
  try {
    const response = await connection.send(
      { method: 'GET', path, ...(token ? { token: await token() } : {}) },
      AbortSignal.any([signal, ended.signal]),
    )
    clearTimeout(timer)
    if (response.status >= 400)
      throw new APIStatusError(toStatus(response.status, await readText(response.body)))
    for await (const event of parseJSONLines(response.body)) yield event as WatchEvent<T>
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    clearTimeout(timer)
  }
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES)
      throw new RangeError(`Cannot read an answer: it is larger than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The server's Status, or one made from the HTTP status where the answer comes from something else (a proxy). */
function toStatus(code: number, text: string): Status {
  const made: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: text.trim().slice(0, 1024) || `HTTP ${code}`,
    reason: 'Unknown',
    code,
  }
  try {
    const parsed: unknown = JSON.parse(text)
    const isStatus =
      typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status'
    return isStatus ? { ...(parsed as Status), code } : made
  } catch {
    return made
  }
}

async function orWhenMissing<T, U>(answer: Promise<T>, missing: U): Promise<T | U> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof APIStatusError && error.code === 404) return missing
    throw error
  }
}

function named<T extends KubernetesObject>(resource: Resource<T>, object: T): T {
  return object.kind === undefined
    ? { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }
    : object
}
