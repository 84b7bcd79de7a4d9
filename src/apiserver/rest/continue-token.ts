import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import { explainSyntaxError } from '#api/schema/json-syntax.ts'
import { describeJSON } from '#api/schema/scalars.ts'
import { badRequest, type StatusError } from '#api/status.ts'

/** Where a list goes on: the revision all its pages show, and the last key sent. */
export interface ContinueToken {
  readonly revision: number
  readonly after: string
}

const API_VERSION = 'meta.k8s.io/v1'

/** `revision` -1: go on with the newest state, pages then need not fit together. */
export const INCONSISTENT = -1

/** @param prefix Left out of the token, so that it fits no other list. */
export function encodeContinueToken({ revision, after }: ContinueToken, prefix: string): string {
  const token = { v: API_VERSION, rv: revision, start: `${after.slice(prefix.length)}\0` }
  return Buffer.from(JSON.stringify(token)).toString('base64url')
}

/** Sentences: apiserver storage/continue.go, and what encoding/json says. @throws StatusError 400 */
export function decodeContinueToken(text: string, prefix: string): ContinueToken {
  const refuse = (why: string) =>
    badRequest(`invalid continue token: continue key is not valid${why}`)
  const wrong = text.search(/[^-\w]/)
  // A last group of one character holds no byte.
  const broken = wrong >= 0 ? wrong : text.length % 4 === 1 ? text.length - 1 : -1
  if (broken >= 0) throw refuse(`: illegal base64 data at input byte ${broken}`)
  const { v = '', rv = 0, start = '' } = parseToken(text, refuse)
  if (v !== API_VERSION) {
    throw refuse(`: server does not recognize this encoded version ${v}`)
  }
  const revision = rv as number // checked
  if (revision === 0) {
    throw refuse(`: incorrect encoded start resourceVersion (version ${API_VERSION})`)
  }
  const key = String(start)
  if (key === '') throw refuse(`: encoded start key empty (version ${API_VERSION})`)
  const path = key.replace(/^\//, '')
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw refuse(`: ${key}`)
  }
  return {
    revision: revision < 0 ? INCONSISTENT : revision,
    after: prefix + path.replace(/\0$/, ''),
  }
}

function parseToken(text: string, refuse: (why: string) => StatusError): JSONObject {
  const bytes = Buffer.from(text, 'base64url')
  let token: unknown
  try {
    token = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw refuse(`: ${explainSyntaxError(cause, bytes)}`)
  }
  const mistyped = (value: unknown, type: string) =>
    refuse(`: json: cannot unmarshal ${describeJSON(value as JSONValue)} into Go ${type}`)
  if (token === null) return {}
  if (!isJSONObject(token)) throw mistyped(token, 'value of type storage.continueToken')
  const { v, rv, start } = token
  if (typeof (v ?? '') !== 'string')
    throw mistyped(v, 'struct field continueToken.v of type string')
  if (typeof (rv ?? 0) !== 'number')
    throw mistyped(rv, 'struct field continueToken.rv of type int64')
  if (!Number.isSafeInteger(rv ?? 0)) {
    throw refuse(
      `: json: cannot unmarshal number ${rv} into Go struct field continueToken.rv of type int64`,
    )
  }
  if (typeof (start ?? '') !== 'string') {
    throw mistyped(start, 'struct field continueToken.start of type string')
  }
  return token
}
