/** Who makes a request, as authentication found it. */
export interface User {
  readonly name: string
  readonly groups: readonly string[]
  readonly uid?: string
  /** What an authenticator knows besides, by keys like `authentication.kubernetes.io/pod-name`. */
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

// Source: apiserver pkg/authentication/user/user.go, serviceaccount/util.go.
export const MASTERS = 'system:masters'
export const NODES = 'system:nodes'
export const AUTHENTICATED = 'system:authenticated'
export const UNAUTHENTICATED = 'system:unauthenticated'
export const NODE_USER_PREFIX = 'system:node:'
const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:'

export const ANONYMOUS: User = { name: 'system:anonymous', groups: [UNAUTHENTICATED] }

/** Who the server itself is (apiserver pkg/authentication/user/user.go, APIServerUser). */
export const SERVER: User = { name: 'system:apiserver', groups: [MASTERS] }

export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id'

export const serviceAccountUser = (namespace: string, name: string) =>
  `${SERVICE_ACCOUNT_PREFIX}${namespace}:${name}`

export const serviceAccountGroups = (namespace: string): readonly string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
]

/** The account that a user name stands for; undefined where it stands for none. */
export function parseServiceAccountUser(
  user: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined
  const parts = user.slice(SERVICE_ACCOUNT_PREFIX.length).split(':')
  const [namespace, name] = parts
  return parts.length === 2 && namespace && name ? { namespace, name } : undefined
}

/** The node that the user is, as a kubelet; undefined for all others. Source: pkg/auth/nodeidentifier/default.go. */
export function nodeOf({ name, groups }: User): string | undefined {
  const isNode = name.startsWith(NODE_USER_PREFIX) && groups.includes(NODES)
  return isNode ? name.slice(NODE_USER_PREFIX.length) : undefined
}
