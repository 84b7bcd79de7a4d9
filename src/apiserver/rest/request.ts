import type { KindRegistry } from '#api/kinds/kind-registry.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { Log } from '#log/log.ts'
import type { Admission } from '../admission/admission.ts'
import type { AccessControl } from '../auth/access-control.ts'
import type { User } from '../auth/user.ts'
import type { Representation, Shape } from '../http/media-type.ts'
import type { Request } from '../http/read-body.ts'
import type { Upgrade } from '../http/upgrade.ts'
import type { Store } from '../storage/store.ts'
import type { Components } from './component-statuses.ts'
import type { Pace } from './pace.ts'

/** A request for a served resource, after authentication, authorisation and routing. */
export interface RESTRequest {
  readonly spec: KindSpec
  readonly namespace: string | undefined
  /** Empty for requests on the whole collection. */
  readonly name: string
  readonly subresource: string | undefined
  /** The subresource by which the object itself is written, which is named with those who own fields. */
  readonly through?: string
  readonly query: URLSearchParams
  readonly contentType: string
  readonly userAgent: string
  readonly user: User
  /** Aborts when the client goes or the server stops. */
  readonly signal: AbortSignal
  /** As it came, for those who pass it on. */
  readonly incoming: Request
  /** Of requests that ask to leave HTTP. */
  readonly upgrade: Upgrade | undefined
  /** How the answer is to be shown. @throws StatusError 406 */
  readonly representation: (shape?: Shape) => Representation
  readonly body: () => Promise<Buffer>
  readonly pace: Pace
  /** Adds a Warning header to the answer. */
  readonly warn: (text: string) => void
}

/** What the verbs need of the server. */
export interface RESTDeps {
  readonly kinds: KindRegistry
  readonly access: AccessControl
  readonly store: Store
  readonly admission: readonly Admission[]
  readonly agentAccess: AgentAccess
  readonly components: Components
  readonly log: Log
}

/** The server's identity towards node agents. */
export interface AgentAccess {
  readonly caPEM: string
  readonly certPEM: string
  readonly keyPEM: string
}
