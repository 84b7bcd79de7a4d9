import { forbidden, StatusError } from '#api/status.ts'
import type { User } from './user.ts'

/** What a request wants, as RBAC sees it. */
export type Attributes =
  | {
      readonly verb: string
      readonly group: string
      readonly plural: string
      readonly subresource?: string
      readonly namespace?: string
      readonly name?: string
    }
  | { readonly verb: string; readonly path: string }

/** Whether the user may. */
export type Authorize = (user: User, attributes: Attributes) => boolean | Promise<boolean>

/** Where nobody says who may do what: administrators may do all, others nothing. */
export const allowAdministrators: Authorize = ({ groups }) => groups.includes('system:masters')

/** The 403 in upstream's words (apiserver endpoints/handlers/responsewriters/errors.go). */
export function forbiddenStatus(user: User, attributes: Attributes): StatusError {
  const who = `User "${user.name}" cannot`
  if ('path' in attributes) {
    const message = `forbidden: ${who} ${attributes.verb} path "${attributes.path}"`
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
  const why = `${who} ${verb} resource "${resource}" in API group "${group}" ${where}`
  return forbidden({ group, plural }, name, why)
}
