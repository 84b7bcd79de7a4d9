import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { unauthorized } from '#api/status.ts'
import type { Admission } from '../admission/admission.ts'
import type { Store } from '../storage/store.ts'
import { type Authorize, allowAdministrators, allowMasters, firstOf } from './authorize.ts'
import { createCertificateRequestAdmission } from './certificates/certificate-requests.ts'
import { certificateUser } from './client-certificate.ts'
import { impersonate } from './impersonate.ts'
import { createNodeAuthorizer } from './node/authorize-node.ts'
import { createNodeGraph, followPods } from './node/node-graph.ts'
import { createNodeRestriction } from './node/node-restriction.ts'
import { createRBAC, type RulesOfUser, rulesOfUser } from './rbac/authorize-rbac.ts'
import { type Policy, readDefaultRoles } from './rbac/default-roles.ts'
import { createEscalationCheck } from './rbac/escalation.ts'
import { createRuleIndex, followRules } from './rbac/rule-index.ts'
import type { TokenUser } from './tokens/account-tokens.ts'
import type { TokenIssuer } from './tokens/token-issuer.ts'
import { ANONYMOUS, AUTHENTICATED, nodeOf, type User } from './user.ts'

/** Who makes a request, and whether it may. */
export interface AccessControl {
  /** @throws StatusError 401, 400, 403 (impersonation) */
  identify(request: Credentials): Promise<User>
  readonly authorize: Authorize
  /** All that a user may do in a namespace. */
  rulesOf(user: User, namespace: string): UserRules
  /** Signs and reviews the tokens of accounts; undefined without a key. */
  readonly tokens: TokenIssuer | undefined
  /** The user of a bearer token for one of the audiences. @throws TokenError */
  authenticateToken(token: string, audiences: readonly string[]): Promise<TokenUser | undefined>
  /** What writes must pass besides. */
  readonly admission: readonly Admission[]
  /** Roles and bindings that the cluster must have. */
  readonly policies: readonly Policy[]
  /** Reads what decisions depend on, and keeps it up to date until disposed. */
  start(): Promise<Disposable>
}

export interface UserRules extends RulesOfUser {
  /** The user may do more than the rules say. */
  readonly incomplete: boolean
}

export interface Credentials {
  readonly headers: IncomingHttpHeaders
  readonly socket: TLSSocket
}

export interface AccessControlOptions {
  readonly store: Store
  /** `RBAC`: roles, and nodes held to their own pods. Else administrators may do all, others nothing. */
  readonly authorization: 'RBAC' | 'administrators'
  readonly tokens?: TokenIssuer
  /** Users by their tokens, as a file names them. */
  readonly staticTokens?: ReadonlyMap<string, User>
  /** Roles and bindings of this cluster's own, besides upstream's. */
  readonly policies?: readonly Policy[]
}

export function createAccessControl(options: AccessControlOptions): AccessControl {
  const { tokens, staticTokens } = options
  const rights = options.authorization === 'RBAC' ? createRights(options) : ADMINISTRATORS
  const authenticateToken: AccessControl['authenticateToken'] = async (token, audiences) => {
    const user = staticTokens?.get(token)
    if (user) return { user: withGroup(user), audiences }
    return tokens?.authenticate(token, audiences)
  }
  return {
    ...rights,
    tokens,
    authenticateToken,
    async identify({ headers, socket }) {
      const user = await authenticate({ headers, socket }, async (token) =>
        authenticateToken(token, tokens?.audiences ?? []),
      )
      return impersonate(user, headers, rights.authorize)
    },
  }
}

type Rights = Pick<AccessControl, 'authorize' | 'rulesOf' | 'admission' | 'policies' | 'start'>

const ADMINISTRATORS: Rights = {
  authorize: allowAdministrators,
  rulesOf: () => ({ rules: [], incomplete: true }),
  admission: [createCertificateRequestAdmission(allowAdministrators)],
  policies: [],
  start: async () => ({ [Symbol.dispose]() {} }),
}

function createRights({ store, policies: own = [] }: AccessControlOptions): Rights {
  const index = createRuleIndex()
  const graph = createNodeGraph()
  const policies = [...readDefaultRoles(), ...own]
  const nodeRole = policies.find(({ object }) => object.metadata.name === 'system:node')?.object
  const nodeRules = nodeRole && 'rules' in nodeRole ? (nodeRole.rules ?? []) : []
  const authorize = firstOf([
    allowMasters,
    createNodeAuthorizer(graph, nodeRules),
    createRBAC(index),
  ])
  return {
    authorize,
    policies,
    rulesOf(user, namespace) {
      const found = rulesOfUser(index, user, namespace)
      if (nodeOf(user) === undefined) return { ...found, incomplete: false }
      const why = 'node authorizer does not support user rule resolution'
      return { ...found, incomplete: true, error: found.error ? `[${why}, ${found.error}]` : why }
    },
    admission: [
      createNodeRestriction(store),
      createEscalationCheck(index, authorize),
      createCertificateRequestAdmission(authorize),
    ],
    async start() {
      const stack = new DisposableStack()
      stack.use(await followRules(store, index))
      stack.use(await followPods(store, graph))
      return stack
    },
  }
}

/** A certificate comes before a token; who has neither is anonymous; what is presented must be good. */
async function authenticate(
  { headers, socket }: Credentials,
  authenticateToken: (token: string) => Promise<TokenUser | undefined>,
): Promise<User> {
  const certified = certificateUser(socket)
  if (certified) return withGroup(certified)
  const token = bearerTokenOf(headers.authorization)
  if (token !== undefined) {
    const found = await authenticateToken(token).catch(() => undefined)
    if (!found) throw unauthorized()
    return found.user
  }
  if (!socket.authorized && presentsCertificate(socket)) throw unauthorized()
  return ANONYMOUS
}

const presentsCertificate = (socket: TLSSocket) => socket.getPeerCertificate().raw !== undefined

/** Source: apiserver authentication/request/bearertoken. */
function bearerTokenOf(header: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (header ?? '').trim().split(' ')
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined
}

const withGroup = (user: User): User =>
  user.groups.includes(AUTHENTICATED) ? user : { ...user, groups: [...user.groups, AUTHENTICATED] }
