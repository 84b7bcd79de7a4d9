import type { KubernetesObject } from '#api/meta.ts'
import type { Store } from '../../storage/store.ts'
import { type AccountClaims, type ClaimOptions, planClaims } from './account-claims.ts'
import { authenticateAccountToken, type TokenUser } from './account-tokens.ts'
import { createTokenKeys } from './jwt.ts'
import { authenticateSecretToken, planSecretClaims } from './secret-tokens.ts'

/** Signs and checks the tokens of a cluster's ServiceAccounts. */
export interface TokenIssuer {
  readonly issuer: string
  /** Whom tokens are for where nobody else is named: this API server. */
  readonly audiences: readonly string[]
  issue(options: Omit<ClaimOptions, 'issuer' | 'now'>): {
    readonly token: string
    readonly claims: AccountClaims
  }
  /** The token that a Secret of type kubernetes.io/service-account-token holds. */
  issueForSecret(secret: KubernetesObject, account: KubernetesObject): string
  /** Undefined for a token of somebody else's. @throws TokenError */
  authenticate(token: string, audiences: readonly string[]): Promise<TokenUser | undefined>
  /** /.well-known/openid-configuration and /openid/v1/jwks. */
  readonly discovery: { readonly configuration: object; readonly jwks: object }
}

export interface TokenIssuerOptions {
  readonly store: Store
  /** Private keys of the curve P-256; the first signs. */
  readonly keyPEMs: readonly string[]
  /** `https://kubernetes.default.svc.cluster.local` */
  readonly issuer: string
  /** Where the public keys are served: `https://172.30.0.2:6443/openid/v1/jwks`. */
  readonly jwksURL: string
  readonly now?: () => number
}

export function createTokenIssuer(options: TokenIssuerOptions): TokenIssuer {
  const { store, issuer, jwksURL, now = Date.now } = options
  const keys = createTokenKeys(options.keyPEMs)
  const deps = { keys, issuer, store, now }
  return {
    issuer,
    audiences: [issuer],
    issue(wanted) {
      const claims = planClaims({ ...wanted, issuer, now: now() })
      return { token: keys.sign(claims), claims }
    },
    issueForSecret: (secret, account) => keys.sign(planSecretClaims(secret, account)),
    authenticate: async (token, audiences) =>
      (await authenticateSecretToken(token, audiences, { ...deps, own: [issuer] })) ??
      authenticateAccountToken(token, audiences, deps),
    // Source: pkg/serviceaccount/openidmetadata.go.
    discovery: {
      configuration: {
        issuer,
        jwks_uri: jwksURL,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['ES256'],
      },
      jwks: keys.jwks,
    },
  }
}
