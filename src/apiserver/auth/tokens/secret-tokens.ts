import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { secrets, serviceAccounts } from '#api/resources.ts'
import { notFound } from '#api/status.ts'
import { keyOf } from '../../rest/record.ts'
import { quoteList } from '../rbac/cover-rules.ts'
import { AUTHENTICATED, serviceAccountGroups, serviceAccountUser } from '../user.ts'
import { type AccountTokenDeps, TokenError, type TokenUser } from './account-tokens.ts'
import { peekClaims } from './jwt.ts'

/** Who issued a token that lies in a Secret of type kubernetes.io/service-account-token: pkg/serviceaccount/legacy.go. */
export const SECRET_TOKEN_ISSUER = 'kubernetes/serviceaccount'
const PREFIX = 'kubernetes.io/serviceaccount'

export interface SecretTokenClaims {
  readonly iss: typeof SECRET_TOKEN_ISSUER
  readonly 'kubernetes.io/serviceaccount/namespace': string
  readonly 'kubernetes.io/serviceaccount/secret.name': string
  readonly 'kubernetes.io/serviceaccount/service-account.name': string
  readonly 'kubernetes.io/serviceaccount/service-account.uid': string
  readonly sub: string
}

/** What the token of a Secret says; it never expires, and is good while the Secret holds it. */
export function planSecretClaims(
  secret: Pick<KubernetesObject, 'metadata'>,
  account: KubernetesObject,
): SecretTokenClaims {
  const { namespace = '', name } = secret.metadata
  return {
    iss: SECRET_TOKEN_ISSUER,
    [`${PREFIX}/namespace`]: namespace,
    [`${PREFIX}/secret.name`]: name,
    [`${PREFIX}/service-account.name`]: account.metadata.name,
    [`${PREFIX}/service-account.uid`]: account.metadata.uid ?? '',
    sub: serviceAccountUser(namespace, account.metadata.name),
  }
}

/** The account of a Secret's token; undefined for other tokens. @throws TokenError */
export async function authenticateSecretToken(
  token: string,
  audiences: readonly string[],
  { keys, store, own }: AccountTokenDeps & { readonly own: readonly string[] },
): Promise<TokenUser | undefined> {
  if (peekClaims(token)?.iss !== SECRET_TOKEN_ISSUER) return undefined
  const claims = keys.verify(token) as unknown as SecretTokenClaims | undefined
  if (!claims) throw new TokenError('go-jose/go-jose: error in cryptographic primitive')
  const matching = own.filter((audience) => audiences.includes(audience))
  if (matching.length === 0)
    throw new TokenError(
      `token audiences ${quoteList(own)} is invalid for the target audiences ${quoteList(audiences)}`,
    )
  const namespace = claims[`${PREFIX}/namespace`]
  const name = claims[`${PREFIX}/service-account.name`]
  const uid = claims[`${PREFIX}/service-account.uid`]
  const item = await store.get(keyOf(secrets, namespace, claims[`${PREFIX}/secret.name`]))
  const secret = item && (JSON.parse(item.value) as Secret)
  if (!secret || secret.metadata.deletionTimestamp)
    throw new TokenError('Token has been invalidated')
  if (!isEqual(secret.data?.token ?? '', token))
    throw new TokenError("Token does not match server's copy")
  const found = await store.get(keyOf(serviceAccounts, namespace, name))
  if (!found) throw new TokenError(notFound(serviceAccounts, name).message)
  const { metadata } = JSON.parse(found.value) as KubernetesObject
  if (metadata.deletionTimestamp)
    throw new TokenError(`ServiceAccount ${namespace}/${name} has been deleted`)
  if (metadata.uid !== uid)
    throw new TokenError(`ServiceAccount UID (${metadata.uid}) does not match claim (${uid})`)
  const groups = [...serviceAccountGroups(namespace), AUTHENTICATED]
  return { user: { name: claims.sub, uid, groups }, audiences: matching }
}

function isEqual(base64: string, token: string): boolean {
  const [a, b] = [Buffer.from(base64, 'base64'), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}
