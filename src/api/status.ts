import { type FieldError, invalidStatus, quoteLikeGo } from './field-error.ts'
import type { Status, StatusCause, StatusDetails } from './meta.ts'
import type { Resource } from './resources.ts'

/** A refusal that the API answers as its Status. Throw it anywhere under a request. */
export class StatusError extends Error {
  override readonly name = 'StatusError'
  readonly status: Status & { readonly code: number }

  constructor(status: Status & { readonly code: number }, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? `HTTP ${status.code}`, options)
    this.status = status
  }
}

type GroupResource = Pick<Resource, 'group' | 'plural'>

// Sentences and details: apimachinery pkg/api/errors/errors.go.
function failure(
  code: number,
  reason: string,
  message: string,
  details?: StatusDetails,
): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details ? { details } : {}),
    code,
  })
}

/** `deployments.apps`, or `pods` in the core group. */
const qualify = ({ group, plural }: GroupResource) => (group === '' ? plural : `${plural}.${group}`)

const detailsOf = ({ group, plural }: GroupResource, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(group === '' ? {} : { group }),
  kind: plural,
})

export const notFound = (resource: GroupResource, name: string) =>
  failure(
    404,
    'NotFound',
    `${qualify(resource)} ${quoteLikeGo(name)} not found`,
    detailsOf(resource, name),
  )

/** For paths that name no resource; kubectl matches on this sentence. */
export const unknownPath = () =>
  failure(404, 'NotFound', 'the server could not find the requested resource', {})

export const alreadyExists = (resource: GroupResource, name: string) =>
  failure(
    409,
    'AlreadyExists',
    `${qualify(resource)} ${quoteLikeGo(name)} already exists`,
    detailsOf(resource, name),
  )

/** generateName hit a taken name; the client may try again. */
export const generateNameConflict = (resource: GroupResource, name: string) =>
  failure(
    409,
    'AlreadyExists',
    `${qualify(resource)} ${quoteLikeGo(name)} already exists, the server was not able to generate a unique name for the object`,
    { ...detailsOf(resource, name), retryAfterSeconds: 1 },
  )

export const objectModified =
  'the object has been modified; please apply your changes to the latest version and try again'

export const conflict = (resource: GroupResource, name: string, why: string = objectModified) =>
  failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualify(resource)} ${quoteLikeGo(name)}: ${why}`,
    detailsOf(resource, name),
  )

/** Another field manager owns what an apply would change. */
export const applyConflict = (message: string, causes: readonly StatusCause[]) =>
  failure(409, 'Conflict', message, { causes })

export const badRequest = (message: string) => failure(400, 'BadRequest', message)

export const unauthorized = (message = 'Unauthorized') => failure(401, 'Unauthorized', message)

export function forbidden(resource: GroupResource, name: string, why: string): StatusError {
  const subject = name === '' ? qualify(resource) : `${qualify(resource)} ${quoteLikeGo(name)}`
  return failure(403, 'Forbidden', `${subject} is forbidden: ${why}`, detailsOf(resource, name))
}

/** `verb` as in RBAC: `create`, `patch`, `deletecollection`. */
export const methodNotAllowed = (resource: GroupResource, verb: string) =>
  failure(
    405,
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind ${quoteLikeGo(qualify(resource))}`,
    detailsOf(resource, ''),
  )

/** Where no request of this method is served at all (apiserver server/config.go, serviceErrorHandler). */
export const methodNotServed = () =>
  failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  )

/** None of the types asked for can be made: go-restful's refusal. */
export const notAcceptable = (accepted: readonly string[]) =>
  failure(
    406,
    'NotAcceptable',
    `406: Not Acceptable\n\nAvailable representations: ${accepted.join(', ')}`,
    {},
  )

/** The type can be made, but not in the form asked for. */
export const formNotAcceptable = (accepted: readonly string[]) =>
  failure(
    406,
    'NotAcceptable',
    `only the following media types are accepted: ${accepted.join(', ')}`,
  )

/** A list was asked for as an object, or the other way round. */
export const shapeNotAcceptable = (message: string) => failure(406, 'NotAcceptable', message)

/** A patch of a type that no handler is for: go-restful's refusal. */
export const unsupportedPatchType = () =>
  failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})

export const unsupportedMediaType = (accepted: readonly string[]) =>
  failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  )

/** A watch or continue token older than what is kept. */
export const expired = (message: string) => failure(410, 'Expired', message)

export const invalid = (
  { kind, group }: Pick<Resource, 'kind' | 'group'>,
  name: string,
  errors: readonly FieldError[],
) => new StatusError({ ...invalidStatus(kind, group, name, errors), code: 422 })

/** 422 without a kind: a patch that does not apply. */
export const unprocessable = (message: string, causes: readonly StatusCause[] = []) =>
  failure(422, 'Invalid', message, causes.length > 0 ? { causes } : {})

export const tooLarge = (why: string) =>
  failure(413, 'RequestEntityTooLarge', `Request entity too large: ${why}`)

export const limitExceeded = (limitBytes: number) => tooLarge(`limit is ${limitBytes}`)

export const tooManyRequests = (message: string, retryAfterSeconds: number) =>
  failure(429, 'TooManyRequests', message, { retryAfterSeconds })

export const internal = (why: string) =>
  failure(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] })

/** 500 without a reason: what upstream makes of an error that is no Status. */
export const unexplained = (message: string) =>
  new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    code: 500,
  })

export const serviceUnavailable = (why: string) => failure(503, 'ServiceUnavailable', why)

/** The answer of a server behind this one, which gave no Status: NewGenericServerResponse, for a read. */
export function serverResponse(
  code: number,
  resource: GroupResource,
  name: string,
  text: string,
): StatusError {
  const [reason, message] = serverResponses[code] ?? [
    code >= 500 ? 'InternalError' : '',
    code >= 500
      ? `an error on the server (${quoteLikeGo(text)}) has prevented the request from succeeding`
      : `the server responded with the status code ${code} but did not return more information`,
  ]
  const subject = `( ${qualify(resource)} ${name})` // upstream's verb is empty here
  return failure(code, reason, `${message} ${subject}`, detailsOf(resource, name))
}

const serverResponses: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
}

export const timeout = (why: string, retryAfterSeconds?: number) =>
  failure(504, 'Timeout', `Timeout: ${why}`, {
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  })

/** The client asks for a revision that this server has not reached. */
export const tooLargeResourceVersion = (wanted: string, current: string, isWorthRetrying = true) =>
  failure(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    ...(isWorthRetrying ? { retryAfterSeconds: 1 } : {}),
  })
