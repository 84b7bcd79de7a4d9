import type { KubernetesObject } from '#api/meta.ts'
import { nodes, pods, type Resource, secrets, serviceAccounts } from '#api/resources.ts'
import { notFound } from '#api/status.ts'
import { keyOf } from '../../rest/record.ts'
import type { Store } from '../../storage/store.ts'
import { quoteList } from '../rbac/cover-rules.ts'
import {
  AUTHENTICATED,
  CREDENTIAL_ID,
  serviceAccountGroups,
  serviceAccountUser,
  type User,
} from '../user.ts'
import type { AccountClaims, ObjectName } from './account-claims.ts'
import { peekClaims, type TokenKeys } from './jwt.ts'

/** A token was ours and is not good; the text is upstream's. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
}

export interface TokenUser {
  readonly user: User
  /** Those of the asked audiences that the token is for. */
  readonly audiences: readonly string[]
}

export interface AccountTokenDeps {
  readonly keys: TokenKeys
  readonly issuer: string
  readonly store: Store
  readonly now?: () => number
}

/** A minute, as go-jose allows clocks to differ. */
const LEEWAY_S = 60

/**
 * The account that a token stands for; undefined for a token that this cluster did not issue.
 * Source: pkg/serviceaccount/jwt.go and claims.go. @throws TokenError
 */
export async function authenticateAccountToken(
  token: string,
  audiences: readonly string[],
  { keys, issuer, store, now = Date.now }: AccountTokenDeps,
): Promise<TokenUser | undefined> {
  if (peekClaims(token)?.iss !== issuer) return undefined
  const verified = keys.verify(token)
  if (!verified) throw new TokenError('go-jose/go-jose: error in cryptographic primitive')
  // We signed them, so they are as planClaims() made them.
  const claims = verified as unknown as AccountClaims
  const matching = claims.aud.filter((audience) => audiences.includes(audience))
  if (matching.length === 0)
    throw new TokenError(
      `token audiences ${quoteList(claims.aud)} is invalid for the target audiences ${quoteList(audiences)}`,
    )
  checkTimes(claims, now() / 1000)
  await checkObjects(claims, store, now())
  return { user: userOf(claims), audiences: matching }
}

function checkTimes({ exp, nbf, iat }: AccountClaims, now: number): void {
  if (now - LEEWAY_S > exp) throw new TokenError('service account token has expired')
  if (now + LEEWAY_S < nbf) throw new TokenError('service account token is not valid yet')
  if (now + LEEWAY_S < iat) throw new TokenError('service account token is issued in the future')
}

/** The account, and what the token is bound to, must still be the same objects. */
async function checkObjects(
  { 'kubernetes.io': bound }: AccountClaims,
  store: Store,
  now: number,
): Promise<void> {
  const { namespace, serviceaccount, secret, pod, node } = bound
  const read = (resource: Resource, name: string) =>
    readObject(store, resource, resource.namespaced ? namespace : undefined, name)
  const account = await read(serviceAccounts, serviceaccount.name)
  if (!account) throw new TokenError(notFound(serviceAccounts, serviceaccount.name).message)
  if (account.metadata.uid !== serviceaccount.uid)
    throw new TokenError(
      `service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`,
    )
  if (isGone(account, now))
    throw new TokenError(`service account ${namespace}/${serviceaccount.name} has been deleted`)
  const check = async (resource: Resource, claim: Partial<ObjectName>, word: string) => {
    const object = await read(resource, claim.name ?? '')
    if (!object || isGone(object, now))
      throw new TokenError('service account token has been invalidated')
    if (object.metadata.uid === claim.uid) return
    throw new TokenError(
      `${word} UID (${object.metadata.uid}) does not match service account ${word.toLowerCase()} ref claim (${claim.uid})`,
    )
  }
  if (secret) await check(secrets, secret, 'secret')
  if (pod) await check(pods, pod, 'Pod')
  else if (node) await check(nodes, node, 'node')
}

async function readObject(
  store: Store,
  resource: Resource,
  namespace: string | undefined,
  name: string,
): Promise<KubernetesObject | undefined> {
  const item = await store.get(keyOf(resource, namespace, name))
  return item && (JSON.parse(item.value) as KubernetesObject)
}

function isGone({ metadata }: KubernetesObject, now: number): boolean {
  const { deletionTimestamp } = metadata
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < now - LEEWAY_S * 1000
}

// Source: apiserver authentication/serviceaccount/util.go ServiceAccountInfo.UserInfo.
function userOf({ jti, 'kubernetes.io': bound }: AccountClaims): User {
  const { namespace, serviceaccount, pod, node } = bound
  const known = {
    [CREDENTIAL_ID]: `JTI=${jti}`,
    'authentication.kubernetes.io/node-name': node?.name,
    'authentication.kubernetes.io/node-uid': node?.uid,
    'authentication.kubernetes.io/pod-name': pod?.name,
    'authentication.kubernetes.io/pod-uid': pod?.uid,
  }
  const extra = Object.entries(known).flatMap(([key, value]) => (value ? [[key, [value]]] : []))
  return {
    name: serviceAccountUser(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: [...serviceAccountGroups(namespace), AUTHENTICATED],
    extra: Object.fromEntries(extra),
  }
}
