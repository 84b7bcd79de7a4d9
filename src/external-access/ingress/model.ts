import type { IP } from '#ip/ip.ts'

/** What nginx is to do, as values: from Ingress objects, and without a trace of nginx's language. */
export interface IngressPlan {
  /** One for each host, sorted; the one for every other host, `''`, is always there and comes first. */
  readonly servers: readonly Server[]
  /** Those that servers use, sorted by id. */
  readonly backends: readonly Backend[]
  readonly certificates: readonly Certificate[]
  /** What is not done as an Ingress says, and why. */
  readonly findings: readonly Finding[]
}

export interface Server {
  /** `''`, `shop.example.com`, or `*.example.com`, which stands for exactly one label more. Lower case. */
  readonly host: string
  readonly locations: readonly Location[]
  /** {@link Certificate.id}; the default one where absent. */
  readonly certificate?: string
}

/** How a location's path is compared. `exact`: equal; `prefix`: equal, or followed by `/`; `start`: begins with. */
export type PathMatch = 'exact' | 'prefix' | 'start'

export interface Location {
  readonly path: string
  readonly match: PathMatch
  readonly action: Action
}

export type Action =
  | { readonly kind: 'proxy'; readonly backend: string; readonly redirectToTLS: boolean }
  /** The Service has no endpoint that is ready, or there is no such Service or port. */
  | { readonly kind: 'unavailable'; readonly backend: string }
  | { readonly kind: 'not-found' }

export interface Backend {
  /** `namespace.service.port`: no part can hold a dot, so no two backends share an id. */
  readonly id: string
  /** As ingress-nginx logs it: `default-web-80`. */
  readonly logName: string
  readonly endpoints: readonly BackendEndpoint[]
}

export interface BackendEndpoint {
  readonly address: IP
  readonly port: number
}

export interface Certificate {
  /** A hash of its contents. */
  readonly id: string
  readonly certificatePEM: string
  readonly keyPEM: string
}

export interface Finding {
  readonly namespace: string
  readonly ingress: string
  /** `Cannot …: …` */
  readonly message: string
}
