import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'

/** Keys that sign and check JSON Web Tokens (RFC 7519) by ES256, and by no other algorithm. */
export interface TokenKeys {
  sign(claims: object): string
  /** The claims of a token that one of the keys signed; undefined for all else. */
  verify(token: string): Readonly<Record<string, unknown>> | undefined
  /** The public keys as a JSON Web Key Set (RFC 7517). */
  readonly jwks: object
}

/** A token with all claims is about 1 kB. */
const MAX_TOKEN_BYTES = 16 * 1024
const ALGORITHM = { hash: 'sha256', dsaEncoding: 'ieee-p1363' } as const

interface PublicKey {
  readonly kid: string
  readonly key: KeyObject
}

/**
 * @param pems Private keys of the curve P-256; the first signs, the others (retired ones) only check.
 * @throws TypeError for a key of another kind
 */
export function createTokenKeys(pems: readonly string[]): TokenKeys {
  const privates = pems.map((pem) => createPrivateKey(pem))
  const publics = privates.map(toPublic)
  const [signer] = privates
  const [first] = publics
  if (!signer || !first) throw new TypeError('Cannot sign tokens: there is no key')
  const header = encode({ alg: 'ES256', kid: first.kid })
  return {
    sign(claims) {
      const text = `${header}.${encode(claims)}`
      const signature = sign(ALGORITHM.hash, Buffer.from(text), {
        key: signer,
        dsaEncoding: ALGORITHM.dsaEncoding,
      })
      return `${text}.${signature.toString('base64url')}`
    },
    verify: (token) => verifyToken(token, publics),
    jwks: { keys: publics.map(toJWK) },
  }
}

function toPublic(key: KeyObject): PublicKey {
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new TypeError('Cannot sign tokens: the key is not of the curve P-256')
  const found = createPublicKey(key)
  // Source: pkg/serviceaccount/jwt.go keyIDFromPublicKey.
  const der = found.export({ type: 'spki', format: 'der' })
  return { kid: createHash('sha256').update(der).digest('base64url'), key: found }
}

function toJWK({ kid, key }: PublicKey): object {
  const { kty, crv, x, y } = key.export({ format: 'jwk' })
  return { use: 'sig', kty, kid, crv, alg: 'ES256', x, y }
}

function verifyToken(token: string, keys: readonly PublicKey[]) {
  if (token.length > MAX_TOKEN_BYTES) return undefined
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  if (more.length > 0 || signature === '') return undefined
  const header = decode(head)
  if (header?.alg !== 'ES256') return undefined
  const known = keys.filter(({ kid }) => header.kid === undefined || header.kid === kid)
  const text = Buffer.from(`${head}.${body}`)
  const bytes = Buffer.from(signature, 'base64url')
  const isSigned = known.some(({ key }) =>
    verify(ALGORITHM.hash, text, { key, dsaEncoding: ALGORITHM.dsaEncoding }, bytes),
  )
  return isSigned ? decode(body) : undefined
}

/** The claims, unchecked: to see who issued a token before anything else. */
export const peekClaims = (token: string) =>
  token.length > MAX_TOKEN_BYTES ? undefined : decode(token.split('.')[1] ?? '')

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

function decode(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
