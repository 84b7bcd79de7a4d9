import { badRequest, unexplained } from '#api/status.ts'
import { parseRevision, reachRevision } from '../find-item.ts'
import { parseListOptions } from '../list-options.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'

export interface WatchOptions {
  /** Undefined: begin with what there is now. */
  readonly fromRevision: number | undefined
  readonly allowBookmarks: boolean
  /** The client wants the state as events, and a bookmark at its end (KEP-3157). */
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
  if (options.continue !== '') throw badRequest('continue is not supported for watch')
  const parsed = resourceVersion === '' ? { value: 0 } : parseRevision(resourceVersion)
  if ('error' in parsed) throw unexplained(parsed.error)
  await reachRevision(parsed.value, deps, request)
  return {
    fromRevision: sendInitialEvents || parsed.value === 0 ? undefined : parsed.value,
    allowBookmarks: options.allowBookmarks,
    sendInitialEvents,
    timeoutSeconds:
      timeoutSeconds > 0 ? timeoutSeconds : Math.round(MIN_TIMEOUT_SECONDS * (1 + Math.random())),
  }
}
