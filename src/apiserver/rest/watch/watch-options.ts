import { badRequest, unexplained } from '#api/status.ts'
import { parseRevision, reachRevision } from '../find-item.ts'
import { parseListOptions } from '../list-options.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'

export interface WatchOptions {
  /** Undefined: from now on. */
  readonly fromRevision: number | undefined
  /** Before that, what there is now, as events. */
  readonly beginsWithState: boolean
  readonly allowBookmarks: boolean
  /** Behind that state, a bookmark that says so (KEP-3157). */
  readonly sendInitialEvents: boolean
  readonly timeoutSeconds: number
}

/** Without a wish of the client: 30 to 60 minutes, as upstream (--min-request-timeout), so that ends spread. */
const MIN_TIMEOUT_SECONDS = 1800

/** @throws StatusError 400, 422, 500, 504 */
export async function parseWatchOptions(
  request: RESTRequest,
  deps: RESTDeps,
): Promise<WatchOptions> {
  const options = parseListOptions(request.query, true)
  const { resourceVersion, sendInitialEvents, timeoutSeconds = 0 } = options
  // Without a revision a watch begins with the state, unless it says that it does not want that (storage/cacher, getAllEventsSinceLocked).
  if (options.continue !== '') throw badRequest('continue is not supported for watch')
  const parsed = resourceVersion === '' ? { value: 0 } : parseRevision(resourceVersion)
  if ('error' in parsed) throw unexplained(parsed.error)
  await reachRevision(parsed.value, deps, request)
  return {
    fromRevision: sendInitialEvents || parsed.value === 0 ? undefined : parsed.value,
    beginsWithState: sendInitialEvents ?? parsed.value === 0,
    allowBookmarks: options.allowBookmarks,
    sendInitialEvents: sendInitialEvents ?? false,
    timeoutSeconds:
      timeoutSeconds > 0 ? timeoutSeconds : Math.round(MIN_TIMEOUT_SECONDS * (1 + Math.random())),
  }
}
