import type { IncomingHttpHeaders } from 'node:http'
import { badRequest } from '#api/status.ts'
import { type Authorize, forbiddenStatus, type ResourceAttributes } from './authorize.ts'
import {
  ANONYMOUS,
  AUTHENTICATED,
  parseServiceAccountUser,
  serviceAccountGroups,
  UNAUTHENTICATED,
  type User,
} from './user.ts'

const EXTRA_PREFIX = 'impersonate-extra-'
const AUTHENTICATION = 'authentication.k8s.io'
/** More than any client sends; each costs a decision. */
const MAX_REQUESTS = 1000

interface Wish {
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
  readonly user: string
  readonly uid: string
}

/**
 * The user that a request is made as: the one that its Impersonate headers name, where the requestor may.
 * Source: apiserver endpoints/filters/impersonation. @throws StatusError 400, 403
 */
export function impersonate(
  requestor: User,
  headers: IncomingHttpHeaders,
  authorize: Authorize,
): User {
  const wish = readWish(headers)
  if (!wish) return requestor
  const asked = attributesOf(wish)
  if (asked.length > MAX_REQUESTS) throw badRequest('too many impersonation headers')
  for (const attributes of asked) {
    const { verdict, reason } = authorize(requestor, attributes)
    if (verdict !== 'allow') throw forbiddenStatus(requestor, attributes, reason)
  }
  return userOf(wish)
}

function readWish(headers: IncomingHttpHeaders): Wish | undefined {
  const user = first(headers['impersonate-user'])
  const uid = first(headers['impersonate-uid'])
  const groups = listOf(headers['impersonate-group'])
  const extra: Record<string, readonly string[]> = {}
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith(EXTRA_PREFIX))
      extra[unescapeKey(name.slice(EXTRA_PREFIX.length))] = listOf(value)
  const hasMore = groups.length > 0 || Object.keys(extra).length > 0 || uid !== ''
  if (user === '' && hasMore)
    throw badRequest(
      `requested ${formatReferences({ user, uid, groups, extra })} without impersonating a user`,
    )
  return user === '' ? undefined : { user, uid, groups, extra }
}

const first = (value: string | string[] | undefined) => listOf(value)[0] ?? ''

/** Node joins what came in several headers; names of groups hold no comma and space. */
function listOf(value: string | string[] | undefined): readonly string[] {
  const values = value === undefined ? [] : Array.isArray(value) ? value : [value]
  return values.flatMap((each) => each.split(', '))
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}

function attributesOf({ user, uid, groups, extra }: Wish): readonly ResourceAttributes[] {
  const account = parseServiceAccountUser(user)
  const core = { verb: 'impersonate', group: '' }
  const other = { verb: 'impersonate', group: AUTHENTICATION }
  return [
    account
      ? { ...core, plural: 'serviceaccounts', ...account }
      : { ...core, plural: 'users', name: user },
    ...groups.map((name) => ({ ...core, plural: 'groups', name })),
    ...Object.entries(extra).flatMap(([subresource, values]) =>
      values.map((name) => ({ ...other, plural: 'userextras', subresource, name })),
    ),
    ...(uid === '' ? [] : [{ ...other, plural: 'uids', name: uid }]),
  ]
}

function userOf({ user, uid, groups: given, extra }: Wish): User {
  const account = parseServiceAccountUser(user)
  const groups = given.length === 0 && account ? serviceAccountGroups(account.namespace) : given
  const isAnonymous = user === ANONYMOUS.name
  const implied = isAnonymous ? UNAUTHENTICATED : AUTHENTICATED
  const isSaid = isAnonymous
    ? groups.includes(UNAUTHENTICATED)
    : groups.includes(AUTHENTICATED) || groups.includes(UNAUTHENTICATED)
  return {
    name: user,
    groups: isSaid ? groups : [...groups, implied],
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  }
}

/** As Go prints a list of object references. */
function formatReferences({ uid, groups, extra }: Wish): string {
  const reference = (kind: string, name: string, version = '', path = '') =>
    `{${kind}  ${name}  ${version}  ${path}}`
  const parts = [
    ...groups.map((name) => reference('Group', name)),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((name) => reference('UserExtra', name, `${AUTHENTICATION}/v1`, key)),
    ),
    ...(uid === '' ? [] : [reference('UID', uid, `${AUTHENTICATION}/v1`)]),
  ]
  return `[${parts.join(' ')}]`
}
