import type { TokenIssuer } from '../auth/tokens/token-issuer.ts'
import { type Answer, json } from '../http/answer.ts'

/** How others check the tokens of this cluster's accounts. Source: kubernetes pkg/routes/openidmetadata.go. */
export function answerIssuer(path: string, tokens: TokenIssuer | undefined): Answer | undefined {
  if (!tokens) return undefined
  const { configuration, jwks } = tokens.discovery
  const headers = { 'cache-control': 'public, max-age=3600' }
  if (path === '/.well-known/openid-configuration')
    return { ...json(JSON.stringify(configuration)), headers }
  if (path === '/openid/v1/jwks')
    return { ...json(JSON.stringify(jwks)), contentType: 'application/jwk-set+json', headers }
  return undefined
}
