import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

export interface KeyPair {
  readonly certPEM: string
  readonly keyPEM: string
}

/** An authority for one test, and its way to sign. Server certificates are for one address. */
export interface TestAuthority {
  readonly caPEM: string
  sign(user: string, groups?: readonly string[]): Promise<KeyPair>
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const HOUR_MS = 3_600_000

export async function createTestAuthority(address = '127.0.0.1'): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['test-ca'] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  })
  return {
    caPEM: authority.toString('pem'),
    sign: (user, groups = []) => sign(authority, keys.privateKey, address, user, groups),
  }
}

async function sign(
  issuer: X509Certificate,
  signingKey: CryptoKey,
  address: string,
  user: string,
  groups: readonly string[],
): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create({
    subject: [...groups.map((group) => ({ O: [group] })), { CN: [user] }],
    issuer: issuer.subject,
    signingKey,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    ...validity(),
    extensions: [new SubjectAlternativeNameExtension([{ type: 'ip', value: address }])],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certPEM: certificate.toString('pem'), keyPEM: PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}

const validity = () => ({
  notBefore: new Date(Date.now() - HOUR_MS),
  notAfter: new Date(Date.now() + HOUR_MS),
})
