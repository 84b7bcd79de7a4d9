import { notFound, tooLargeResourceVersion } from '#api/status.ts'
import type { StoredItem } from '../storage/store.ts'
import { keyOf } from './record.ts'
import type { RESTDeps, RESTRequest } from './request.ts'

/** The stored object that the request names. @throws StatusError 404 */
export async function findItem(
  { spec, namespace, name }: Pick<RESTRequest, 'spec' | 'namespace' | 'name'>,
  { store }: Pick<RESTDeps, 'store'>,
): Promise<StoredItem> {
  const item = await store.get(keyOf(spec.resource, namespace, name))
  if (!item) throw notFound(spec.resource, name)
  return item
}

/** How long upstream waits for a revision (storage/cacher/watch_cache.go, blockTimeout): several servers may share a store. */
const FRESH_WITHIN_MS = 3_000
const POLL_MS = 50

/** The resourceVersion parameter: undefined for "" (newest), 0 for "any". @throws StatusError 400, 504 */
export async function parseResourceVersion(
  query: URLSearchParams,
  { store }: Pick<RESTDeps, 'store'>,
  invalid: (text: string) => Error,
): Promise<number | undefined> {
  const text = query.get('resourceVersion') ?? ''
  if (text === '') return undefined
  if (!/^\d{1,15}$/.test(text)) throw invalid(text)
  const revision = Number(text)
  if (revision === 0) return revision // anything is new enough
  const deadline = performance.now() + FRESH_WITHIN_MS
  for (;;) {
    const current = await store.currentRevision()
    if (revision <= current) return revision
    if (performance.now() > deadline) throw tooLargeResourceVersion(text, String(current))
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
