import { setTimeout as delay } from 'node:timers/promises'
import { quoteLikeGo } from '#api/field-error.ts'
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

const MAX_UINT64 = 2n ** 64n

/** Why a text is no revision, or the revision; 0 stands for "any". Sentences: storage/versioner, strconv.ParseUint. */
export function parseRevision(
  text: string,
): { readonly value: number } | { readonly error: string } {
  const why = /^\d+$/.test(text)
    ? text.length > 40 || BigInt(text) >= MAX_UINT64
      ? 'value out of range'
      : undefined
    : 'invalid syntax'
  if (why === undefined) return { value: Number(text) }
  const quoted = quoteLikeGo(text)
  return {
    error: `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: ${why}`,
  }
}

/** How long a read waits for a revision that is not there yet, as upstream's cache does. */
const WAIT_MS = 3_000
const POLL_MS = 50

/** Resolves when the store has reached a revision. @throws StatusError 504 */
export async function reachRevision(
  revision: number,
  { store }: Pick<RESTDeps, 'store'>,
  request?: Pick<RESTRequest, 'signal'>,
  isExact = false,
): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  for (;;) {
    const current = await store.currentRevision()
    if (revision <= current) return
    if (isExact || Date.now() >= deadline || request?.signal.aborted) {
      throw tooLargeResourceVersion(String(revision), String(current), !isExact)
    }
    await delay(POLL_MS)
  }
}
