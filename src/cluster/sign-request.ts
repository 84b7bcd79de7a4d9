import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  Pkcs10CertificateRequest,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { signerRefusal } from '#api/validation/signer-rules.ts'
import type { KeyPair } from './pki.ts'
import { alternativeNames, contentOf } from './read-request.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** As kube-controller-manager's --cluster-signing-duration. */
const MAX_SECONDS = 365 * 24 * 3600
const BACKDATED_MS = 300_000
const SHORT_SECONDS = 8 * 3600

export interface SigningWish {
  readonly signerName: string
  readonly requestPEM: string
  readonly usages: readonly string[]
  readonly seconds?: number
}

/** Signs a request with the cluster's authority, by the rules of Kubernetes' own signers (pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go). */
export async function signRequest(
  wish: SigningWish,
  authority: KeyPair,
): Promise<{ readonly certificatePEM: string } | { readonly refused: string }> {
  const request = new Pkcs10CertificateRequest(wish.requestPEM)
  const refused = signerRefusal(wish.signerName, contentOf(request), wish.usages)
  if (refused) return { refused }
  const issuer = new X509Certificate(authority.certPEM)
  const pkcs8 = PemConverter.decodeFirst(authority.keyPEM)
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
  const seconds = Math.min(wish.seconds ?? MAX_SECONDS, MAX_SECONDS)
  const names = alternativeNames(request)
  const keyUsages = keyUsagesOf(wish.usages)
  const now = Date.now()
  const certificate = await X509CertificateGenerator.create({
    subject: request.subject,
    issuer: issuer.subject,
    signingKey,
    publicKey: request.publicKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: endOf(now, seconds, issuer.notAfter),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      ...(keyUsages === 0 ? [] : [new KeyUsagesExtension(keyUsages, true)]),
      new ExtendedKeyUsageExtension([
        wish.usages.includes('server auth')
          ? ExtendedKeyUsage.serverAuth
          : ExtendedKeyUsage.clientAuth,
      ]),
      ...(names ? [names] : []),
    ],
  })
  return { certificatePEM: `${certificate.toString('pem')}\n` }
}

const keyUsagesOf = (usages: readonly string[]) =>
  (usages.includes('digital signature') ? KeyUsageFlags.digitalSignature : 0) |
  (usages.includes('key encipherment') ? KeyUsageFlags.keyEncipherment : 0)

/** A long life ends as much earlier as it began, and none outlives the authority (authority/policies.go). */
function endOf(now: number, seconds: number, authorityEnd: Date): Date {
  const backdated = seconds < SHORT_SECONDS ? 0 : BACKDATED_MS
  return new Date(Math.min(now + seconds * 1000 - backdated, authorityEnd.getTime()))
}
