/** An answer of etcd that is no success. `code` is gRPC's (grpc/doc/statuscodes.md), the message etcd's own. */
export class GRPCError extends Error {
  override readonly name = 'GRPCError'
  readonly code: number
  /** False: the request has certainly not been carried out, and never will be. */
  readonly mayHaveHappened: boolean

  constructor(code: number, message: string, mayHaveHappened: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.mayHaveHappened = mayHaveHappened
  }
}

export const DEADLINE_EXCEEDED = 4
export const FAILED_PRECONDITION = 9
export const OUT_OF_RANGE = 11
export const INTERNAL = 13
export const UNAVAILABLE = 14
/** What etcd answers to a token that is over, as after five minutes without a call. */
export const UNAUTHENTICATED = 16

/** Users or rights have changed since the token was given. */
export const OLD_REVISION_OF_AUTH = 'etcdserver: revision of auth store is old'

/** What etcd says before it has tried anything (etcdserver/api/v3rpc/rpctypes/error.go). */
const NEVER_HAPPENED = new Set([
  'etcdserver: invalid auth token',
  OLD_REVISION_OF_AUTH,
  'etcdserver: no leader',
  'etcdserver: too many requests',
  'etcdserver: not capable',
])

/** Of a call's trailers: `grpc-status` that is not 0, and `grpc-message`. */
export function errorOf(code: number, encoded: string): GRPCError {
  const message = decodeMessage(encoded)
  const isOpen =
    code === UNAVAILABLE ||
    code === DEADLINE_EXCEEDED ||
    code === INTERNAL ||
    code === 1 ||
    code === 2
  return new GRPCError(code, message, isOpen && !NEVER_HAPPENED.has(message))
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
