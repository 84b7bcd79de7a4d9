import { badRequest } from '#api/status.ts'

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

/** @throws StatusError 400 */
export function decodeContinueToken(text: string, prefix: string): ContinueToken {
  const refuse = (why: string) => badRequest(`continue key is not valid: ${why}`)
  let token: { v?: unknown; rv?: unknown; start?: unknown }
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    throw refuse('it is not what this server gave out')
  }
  const { v, rv, start } = token ?? {}
  if (v !== API_VERSION)
    throw refuse(`server does not recognize this encoded version ${JSON.stringify(v)}`)
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < INCONSISTENT) {
    throw refuse('incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  }
  if (typeof start !== 'string' || start === '' || start === '\0')
    throw refuse('it has no start key')
  return { revision: rv, after: prefix + start.replace(/\0$/, '') }
}
