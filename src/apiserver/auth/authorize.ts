import { forbidden, StatusError } from '#api/status.ts'
import { MASTERS, type User } from './user.ts'

export interface ResourceAttributes {
  readonly verb: string
  readonly group: string
  readonly plural: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  /** What a list or watch is narrowed to by `field=value`. */
  readonly fields?: Readonly<Record<string, string>>
}

/** What a request wants, as RBAC sees it. */
export type Attributes = ResourceAttributes | { readonly verb: string; readonly path: string }

export interface Decision {
  /** `none`: neither allowed nor forbidden by this authorizer; another one may allow it. */
  readonly verdict: 'allow' | 'deny' | 'none'
  /** Shown to the user, as in a SubjectAccessReview. */
  readonly reason?: string
  /** What went wrong while deciding. */
  readonly error?: string
}

/** Whether the user may. */
export type Authorize = (user: User, attributes: Attributes) => Decision

const ALLOW: Decision = { verdict: 'allow' }
const NONE: Decision = { verdict: 'none' }

/** Where nobody says who may do what: administrators may do all, others read what is public. */
export const allowAdministrators: Authorize = ({ groups }, attributes) =>
  groups.includes(MASTERS) || isPublic(attributes) ? ALLOW : NONE

/** What anybody may read, as upstream's ClusterRole system:public-info-viewer says it. */
const PUBLIC: ReadonlySet<string> = new Set([
  '/healthz',
  '/livez',
  '/readyz',
  '/version',
  '/version/',
])

const isPublic = (attributes: Attributes) =>
  'path' in attributes && attributes.verb === 'get' && PUBLIC.has(attributes.path)

/** Asks one after the other until one decides; reasons add up. Source: apiserver authorization/union/union.go. */
export function firstOf(authorizers: readonly Authorize[]): Authorize {
  return (user, attributes) => {
    const reasons: string[] = []
    const errors: string[] = []
    for (const authorize of authorizers) {
      const decision = authorize(user, attributes)
      if (decision.verdict !== 'none') return decision
      if (decision.reason) reasons.push(decision.reason)
      if (decision.error) errors.push(decision.error)
    }
    return {
      verdict: 'none',
      ...(reasons.length > 0 ? { reason: reasons.join('\n') } : {}),
      ...(errors.length > 0 ? { error: aggregate(errors) } : {}),
    }
  }
}

/** Several errors as one: apimachinery util/errors, Aggregate. */
export const aggregate = (errors: readonly string[]) => {
  const distinct = [...new Set(errors)]
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`
}

/** The group system:masters may do all (apiserver authorization/authorizerfactory NewPrivilegedGroups). */
export const allowMasters: Authorize = ({ groups }) => (groups.includes(MASTERS) ? ALLOW : NONE)

/** The 403 in upstream's words (apiserver endpoints/handlers/responsewriters/errors.go). */
export function forbiddenStatus(user: User, attributes: Attributes, reason = ''): StatusError {
  const who = `User "${user.name}" cannot`
  const because = reason === '' ? '' : `: ${reason}`
  if ('path' in attributes) {
    const message = `forbidden: ${who} ${attributes.verb} path "${attributes.path}"${because}`
    return new StatusError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: 'Forbidden',
      details: {},
      code: 403,
    })
  }
  const { verb, group, plural, subresource, namespace, name = '' } = attributes
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const why = `${who} ${verb} resource "${resource}" in API group "${group}" ${where}${because}`
  return forbidden({ group, plural }, name, why)
}
