/** What validation found out so far, and how errors are written. */
import { type FieldError, invalid, quoteLikeGo } from '../field-error.ts'
import type { JSONValue } from '../json.ts'

/** What Go prints for the path of the whole object. */
export const NO_PATH = '<nil>'

const MAX_ERRORS = 1_000
/** Visits of a value by a schema, and characters that patterns look at: beyond any honest object. */
export const MAX_STEPS = 2_000_000

/** Errors by their sentence: each is said once. */
export interface Findings {
  readonly errors: Map<string, FieldError>
  /** How much of the schema fitted: of several alternatives, the errors of the best fitting one are shown. */
  fits: number
}

export interface Context {
  /** What errors are about where the value is not a whole object: `status`. */
  readonly prefix: string
  steps: number
}

export function add(findings: Findings, message: string, error: FieldError): void {
  if (findings.errors.size < MAX_ERRORS && !findings.errors.has(message))
    findings.errors.set(message, error)
}

export function merge(into: Findings, from: Findings): void {
  for (const [message, error] of from.errors) add(into, message, error)
  into.fits += from.fits
}

/** `status.replicas` of `.replicas` below `status`. */
export function fieldOf(path: string, { prefix }: Context): string {
  const below = path.replace(/^\./, '')
  if (below === '') return prefix || NO_PATH
  return prefix === '' ? below : `${prefix}.${below}`
}

/** An error without a field of its own. */
export function addWhole(findings: Findings, message: string, context: Context): void {
  add(findings, message, invalid(context.prefix || NO_PATH, '', message))
}

export function addMistyped(
  findings: Findings,
  path: string,
  wanted: string,
  found: string,
  context: Context,
): void {
  const message = `${path} in body must be of type ${wanted}: ${quoteLikeGo(found)}`
  const field = fieldOf(path, context)
  add(findings, message, { type: 'TypeInvalid', field, value: found, detail: message })
}

export function addInvalid(
  findings: Findings,
  path: string,
  value: JSONValue,
  rule: string,
  context: Context,
): void {
  const message = `${path} in body ${rule}`
  add(findings, message, invalid(fieldOf(path, context), value, message))
}
