import type { Status } from './meta.ts'

/**
 * One rule that an object breaks, in the words of upstream's util/validation/field.
 * `value` is what Go calls BadValue: strings print quoted, undefined as null, everything else as JSON.
 */
export interface FieldError {
  readonly type: FieldErrorType
  /** As users read it: `spec.ports[0].nodePort`. */
  readonly field: string
  readonly value?: unknown
  readonly detail: string
}

export type FieldErrorType =
  | 'Invalid'
  | 'Required'
  | 'NotSupported'
  | 'Duplicate'
  | 'Forbidden'
  | 'NotFound'
  | 'TooLong'
  | 'TooMany'
  | 'TypeInvalid'
  | 'InternalError'

/** How a type reads in messages, and what it is called in `details.causes[].reason`. */
const words: Readonly<Record<FieldErrorType, { readonly text: string; readonly reason: string }>> =
  {
    Invalid: { text: 'Invalid value', reason: 'FieldValueInvalid' },
    Required: { text: 'Required value', reason: 'FieldValueRequired' },
    NotSupported: { text: 'Unsupported value', reason: 'FieldValueNotSupported' },
    Duplicate: { text: 'Duplicate value', reason: 'FieldValueDuplicate' },
    Forbidden: { text: 'Forbidden', reason: 'FieldValueForbidden' },
    NotFound: { text: 'Not found', reason: 'FieldValueNotFound' },
    TooLong: { text: 'Too long', reason: 'FieldValueTooLong' },
    TooMany: { text: 'Too many', reason: 'FieldValueTooMany' },
    TypeInvalid: { text: 'Invalid value', reason: 'FieldValueTypeInvalid' },
    InternalError: { text: 'Internal error', reason: 'InternalError' },
  }

export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'Invalid',
  field,
  value,
  detail,
})

/** Stands for a value that the message does not repeat (Go's field.OmitValueType). */
export const omitted = Symbol('omitted')

export const required = (field: string, detail = ''): FieldError => ({
  type: 'Required',
  field,
  detail,
})

export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'Forbidden',
  field,
  detail,
})

export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'Duplicate',
  field,
  value,
  detail: '',
})

export const notFound = (field: string, value: unknown): FieldError => ({
  type: 'NotFound',
  field,
  value,
  detail: '',
})

/** `supported` is listed in the given order; upstream sorts its sets, so pass it sorted where it does. */
export const notSupported = (
  field: string,
  value: unknown,
  supported: readonly string[],
): FieldError => ({
  type: 'NotSupported',
  field,
  value,
  detail:
    supported.length === 0 ? '' : `supported values: ${supported.map(quoteLikeGo).join(', ')}`,
})

export const tooLong = (field: string, maxBytes: number): FieldError => ({
  type: 'TooLong',
  field,
  detail: `may not be more than ${maxBytes} bytes`,
})

export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'TooMany',
  field,
  value: actual,
  detail: `must have at most ${max} item${max === 1 ? '' : 's'}`,
})

/** The error without its field, as in `details.causes[].message`. */
export function formatFieldErrorBody({ type, value, detail }: FieldError): string {
  const text =
    withoutValue.has(type) || value === omitted
      ? words[type].text
      : `${words[type].text}: ${formatValue(value)}`
  return detail === '' ? text : `${text}: ${detail}`
}

const withoutValue: ReadonlySet<FieldErrorType> = new Set([
  'Required',
  'Forbidden',
  'TooLong',
  'InternalError',
])

/** Longer values are shown in part: an answer must not be many times as long as its request. */
const MAX_SHOWN = 16 * 1024

function formatValue(value: unknown): string {
  if (typeof value === 'string') return quoteLikeGo(shorten(value))
  return shorten(JSON.stringify(value ?? null).replace(/[<>&\u2028\u2029]/g, escapeInJSON))
}

/** Go's encoding/json writes these so that its output may stand in a page. */
const escapeInJSON = (character: string) =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

const shorten = (text: string) =>
  text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}... (${text.length} characters)`

/** `spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive`. */
export function formatFieldError(error: FieldError): string {
  return `${error.field}: ${formatFieldErrorBody(error)}`
}

/** Go's %q: printable characters stay, control characters become \n, \x07 or \u0085. */
export function quoteLikeGo(text: string): string {
  const escaped = text.replace(/["\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) => {
    const known = goEscapes[character]
    if (known) return known
    const code = character.codePointAt(0)!
    if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd'
    if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
    if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`
    return `\\U${code.toString(16).padStart(8, '0')}`
  })
  return `"${escaped}"`
}

const goEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** As many characters of errors as an answer lists; then it says how many more there are. */
const MAX_LISTED = 256 * 1024

/** Those that fit into an answer: the first always does. */
function listed(errors: readonly FieldError[]): { readonly error: FieldError; body: string }[] {
  const list: { error: FieldError; body: string }[] = []
  let length = 0
  for (const error of errors) {
    if (length > MAX_LISTED) break
    const body = formatFieldErrorBody(error)
    length += error.field.length + body.length
    list.push({ error, body })
  }
  return list
}

/** The 422 answer. Equal sentences are said once in the message, while `causes` lists every error. */
export function invalidStatus(
  kind: string,
  group: string,
  name: string,
  errors: readonly FieldError[],
): Status {
  const shown = listed(errors)
  const sentences = [...new Set(shown.map(({ error, body }) => `${error.field}: ${body}`))]
  const left = errors.length - shown.length
  if (left > 0) sentences.push(`too many errors: ${left} more are not listed`)
  const reasons = sentences.length === 1 ? sentences[0]! : `[${sentences.join(', ')}]`
  const qualified = group === '' ? kind : `${kind}.${group}`
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${qualified} ${quoteLikeGo(shorten(name))} is invalid${errors.length === 0 ? '' : `: ${reasons}`}`,
    reason: 'Invalid',
    details: {
      ...(name === '' ? {} : { name: shorten(name) }),
      ...(group === '' ? {} : { group }),
      ...(kind === '' ? {} : { kind }),
      causes: shown.map(({ error, body }) => ({
        reason: words[error.type].reason,
        message: body,
        field: error.field,
      })),
    },
    code: 422,
  }
}
