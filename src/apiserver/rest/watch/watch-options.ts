import { forbidden as forbiddenField, notSupported } from '#api/field-error.ts'
import { badRequest, invalid } from '#api/status.ts'
import { parseResourceVersion } from '../find-item.ts'
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

/** @throws StatusError 400, 422, 504 */
export async function parseWatchOptions(
  { query }: RESTRequest,
  deps: RESTDeps,
): Promise<WatchOptions> {
  const sendInitialEvents = isTrue(query.get('sendInitialEvents'))
  const match = query.get('resourceVersionMatch') ?? ''
  checkMatch(query.has('sendInitialEvents'), match)
  const revision = await parseResourceVersion(query, deps, (text) =>
    badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    ),
  )
  const timeout = Number(query.get('timeoutSeconds') || 0)
  const fallback = Math.round(MIN_TIMEOUT_SECONDS * (1 + Math.random()))
  return {
    fromRevision: sendInitialEvents || revision === 0 ? undefined : revision,
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents,
    timeoutSeconds: Number.isFinite(timeout) && timeout > 0 ? timeout : fallback,
  }
}

export const isTrue = (text: string | null): boolean => text === 'true' || text === '1'

// apimachinery apis/meta/internalversion/validation/validation.go
function checkMatch(hasInitialEvents: boolean, match: string): void {
  if (hasInitialEvents ? match === 'NotOlderThan' : match === '') return
  const error = hasInitialEvents
    ? match === ''
      ? forbiddenField(
          'resourceVersionMatch',
          'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        )
      : notSupported('resourceVersionMatch', match, ['NotOlderThan'])
    : forbiddenField(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      )
  throw invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', [error])
}
