import { type FieldError, forbidden, notSupported } from '#api/field-error.ts'
import { badRequest, invalid } from '#api/status.ts'

/** What a list or a watch is asked for, besides selectors. */
export interface ListOptions {
  readonly resourceVersion: string
  readonly match: '' | 'Exact' | 'NotOlderThan'
  readonly continue: string
  /** Undefined: no limit. */
  readonly limit: number | undefined
  readonly timeoutSeconds: number | undefined
  readonly allowBookmarks: boolean
  /** Whether the client wants the state as events, and a bookmark at its end (KEP-3157); undefined: it does not say. */
  readonly sendInitialEvents: boolean | undefined
}

/** @throws StatusError 400, 422 */
export function parseListOptions(query: URLSearchParams, isWatch: boolean): ListOptions {
  const limit = integerParameter(query, 'limit')
  const timeoutSeconds = integerParameter(query, 'timeoutSeconds')
  const resourceVersion = query.get('resourceVersion') ?? ''
  const token = query.get('continue') ?? ''
  const initial = query.get('sendInitialEvents')
  const given = query.get('resourceVersionMatch') ?? ''
  const sent = { resourceVersion, token, hasInitialEvents: initial !== null, match: given }
  const errors = isWatch ? checkWatch(sent) : checkList(sent)
  if (errors.length > 0) throw invalid({ kind: 'ListOptions', group: 'meta.k8s.io' }, '', errors)
  return {
    resourceVersion,
    match: given as ListOptions['match'], // checked
    continue: token,
    limit: limit !== undefined && limit > 0 ? limit : undefined,
    timeoutSeconds,
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
  }
}

/** As Go's conversion reads a parameter: everything but these two is true. */
export const isTrue = (text: string | null): boolean =>
  text !== null && text !== '0' && text.toLowerCase() !== 'false'

/** strconv.ParseInt. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const quoted = JSON.stringify(text)
  if (!/^[-+]?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${quoted}: invalid syntax`)
  }
  const value = text.length > 40 ? undefined : BigInt(text.replace(/^\+/, ''))
  if (value === undefined || BigInt.asIntN(64, value) !== value) {
    throw badRequest(`strconv.ParseInt: parsing ${quoted}: value out of range`)
  }
  return Number(value)
}

interface Sent {
  readonly resourceVersion: string
  readonly token: string
  readonly hasInitialEvents: boolean
  readonly match: string
}

const MATCH = 'resourceVersionMatch'

// apimachinery apis/meta/internalversion/validation/validation.go
function checkList({ resourceVersion, token, hasInitialEvents, match }: Sent): FieldError[] {
  const errors: FieldError[] = []
  if (match !== '') {
    if (resourceVersion === '') {
      errors.push(forbidden(MATCH, `${MATCH} is forbidden unless resourceVersion is provided`))
    }
    if (token !== '') {
      errors.push(forbidden(MATCH, `${MATCH} is forbidden when continue is provided`))
    }
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(notSupported(MATCH, match, ['Exact', 'NotOlderThan', '']))
    }
    if (match === 'Exact' && resourceVersion === '0') {
      errors.push(forbidden(MATCH, `${MATCH} "exact" is forbidden for resourceVersion "0"`))
    }
  }
  if (hasInitialEvents) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'))
  }
  return errors
}

function checkWatch({ token, hasInitialEvents, match }: Sent): FieldError[] {
  const errors: FieldError[] = []
  if (hasInitialEvents && match !== 'NotOlderThan') {
    errors.push(forbidden(MATCH, `sendInitialEvents requires setting ${MATCH} to NotOlderThan`))
  }
  if (match !== '') {
    if (!hasInitialEvents) {
      const why = `${MATCH} is forbidden for watch unless sendInitialEvents is provided`
      errors.push(forbidden(MATCH, why))
    }
    if (match !== 'NotOlderThan') errors.push(notSupported(MATCH, match, ['NotOlderThan']))
    if (token !== '') {
      errors.push(forbidden(MATCH, `${MATCH} is forbidden when continue is provided`))
    }
  }
  return errors
}
