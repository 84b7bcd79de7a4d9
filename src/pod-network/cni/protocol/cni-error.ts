/**
 * What a plugin answers where it does not do what it was asked to: printed to standard output as `{cniVersion, code, msg, details}`.
 * The words of errors that the specification knows are upstream's (containernetworking/cni pkg/skel, pkg/utils).
 */
export class CNIError extends Error {
  override readonly name = 'CNIError'
  readonly code: number
  readonly details: string

  constructor(code: number, message: string, { details = '', cause }: CNIErrorOptions = {}) {
    super(message, { cause })
    this.code = code
    this.details = details
  }
}

interface CNIErrorOptions {
  readonly details?: string
  readonly cause?: unknown
}

/** SPEC.md 1.1.0, "Error", and the codes that libcni adds. */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  io: 5,
  decode: 6,
  badConfig: 7,
  badNetns: 8,
  tryAgainLater: 11,
  pluginNotAvailable: 50,
  internal: 999,
} as const

/** What upstream's plugins do not classify: 999 and their words. */
export function fail(message: string, cause?: unknown): CNIError {
  return new CNIError(CNI_CODE.internal, message, { cause })
}

/** Any error as the specification wants it told; what upstream's plugins do not classify is 999. */
export function toCNIError(error: unknown): CNIError {
  if (error instanceof CNIError) return error
  // What failed first; that it could not be undone either is the next DEL's matter.
  if (error instanceof SuppressedError) return toCNIError(error.suppressed)
  const message = error instanceof Error ? error.message : String(error)
  return new CNIError(CNI_CODE.internal, message, { cause: error })
}
