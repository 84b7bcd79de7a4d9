import type { KubernetesObject } from '#api/meta.ts'
import type { Log } from '#log/log.ts'
import { APIStatusError, type ObjectKey } from './api.ts'
import type { Informer } from './informer.ts'
import { createWorkQueue } from './work-queue.ts'

/** Reconciles objects one by one. A key says where to look, never what changed. */
export interface Controller {
  readonly name: string
  /** Must have synced before the first reconcile. */
  readonly informers: readonly Pick<Informer<KubernetesObject>, 'synced'>[]
  /** Subscribes to what matters, enqueueing the keys to look at. Returns the way to stop. */
  start(enqueue: (key: ObjectKey) => void): () => void
  /**
   * Makes what `key` names as it should be. When it throws it is called again, with a growing delay;
   * a number asks to be called again after so many milliseconds.
   */
  reconcile(key: ObjectKey): Promise<number | undefined>
}

/** Runs a controller, one key at a time, until `signal` aborts. */
export async function runController(
  controller: Controller,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  try {
    await Promise.all(controller.informers.map(({ synced }) => synced))
  } catch (error) {
    if (signal.aborted) return
    throw error
  }
  const queue = createWorkQueue(signal)
  const stop = controller.start((key) => queue.add(formatKey(key)))
  try {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        const again = await controller.reconcile(parseKey(key))
        queue.done(key)
        if (again !== undefined) queue.addAfter(key, again)
      } catch (error) {
        const delay = queue.retry(key)
        // Somebody else was faster: the next look settles it, nobody need read of it.
        if (!signal.aborted && !isConflict(error) && !isNotFound(error)) {
          log.warn(`Cannot reconcile ${key}: again in ${Math.round(delay)} ms`, {
            error: error as Error,
          })
        }
      }
    }
  } finally {
    stop()
  }
}

export function isConflict(error: unknown): boolean {
  return error instanceof APIStatusError && error.code === 409 && error.reason === 'Conflict'
}

function isNotFound(error: unknown): boolean {
  return error instanceof APIStatusError && error.code === 404
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof APIStatusError && error.code === 409 && error.reason === 'AlreadyExists'
}

/** The namespace is going away (or gone): what would have been written there does not matter any more. */
export function isNamespaceGone(error: unknown): boolean {
  if (!(error instanceof APIStatusError)) return false
  const terminating = error.status.details?.causes?.some(
    ({ reason }) => reason === 'NamespaceTerminating',
  )
  return (
    (error.code === 403 && terminating === true) ||
    (error.code === 404 && error.status.details?.kind === 'namespaces')
  )
}

/** `namespace/name`, or the name alone. */
export function formatKey({ namespace, name }: ObjectKey): string {
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`
}

function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/')
  return slash < 0
    ? { name: text }
    : { namespace: text.slice(0, slash), name: text.slice(slash + 1) }
}
