import { generateKeyPairSync } from 'node:crypto'

/** Options for a server whose accounts have tokens, with a key of this test's own. */
export function createTestTokens() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    keyPEMs: [privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    issuer: 'https://kubernetes.default.svc.cluster.local',
    jwksURL: 'https://172.30.0.2:6443/openid/v1/jwks',
  }
}
