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
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { KeyPair } from './pki.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
/** As kube-controller-manager's --cluster-signing-duration. */
const MAX_SECONDS = 365 * 24 * 3600
const BACKDATED_MS = 300_000
const SAN = '2.5.29.17'

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
  const refused = refusalOf(wish, request)
  if (refused) return { refused }
  const issuer = new X509Certificate(authority.certPEM)
  const pkcs8 = PemConverter.decodeFirst(authority.keyPEM)
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign'])
  const seconds = Math.min(wish.seconds ?? MAX_SECONDS, MAX_SECONDS)
  const names = namesOf(request)
  const certificate = await X509CertificateGenerator.create({
    subject: request.subject,
    issuer: issuer.subject,
    signingKey,
    publicKey: request.publicKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - BACKDATED_MS),
    notAfter: new Date(Date.now() + seconds * 1000),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(keyUsagesOf(wish.usages), true),
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

function namesOf(request: Pkcs10CertificateRequest): SubjectAlternativeNameExtension | undefined {
  const found = request.getExtension(SAN)
  return found instanceof SubjectAlternativeNameExtension ? found : undefined
}

const keyUsagesOf = (usages: readonly string[]) =>
  KeyUsageFlags.digitalSignature |
  (usages.includes('key encipherment') ? KeyUsageFlags.keyEncipherment : 0)

/** Why the signer must not sign; undefined where it may. */
function refusalOf(
  { signerName, usages }: SigningWish,
  request: Pkcs10CertificateRequest,
): string | undefined {
  const isServing = signerName === 'kubernetes.io/kubelet-serving'
  const purpose = isServing ? 'server auth' : 'client auth'
  const allowed = ['digital signature', 'key encipherment', purpose]
  if (!usages.includes(purpose) || usages.some((usage) => !allowed.includes(usage)))
    return `usages did not match ${JSON.stringify(allowed)}`
  if (signerName === 'kubernetes.io/kube-apiserver-client') return undefined
  const { subjectName } = request
  const organizations = subjectName.getField('O')
  if (organizations.length !== 1 || organizations[0] !== 'system:nodes')
    return 'organization is not system:nodes'
  if (!subjectName.getField('CN')[0]?.startsWith('system:node:'))
    return "subject common name doesn't begin with system:node:"
  const names = namesOf(request)?.names.items ?? []
  if (!isServing) return names.length > 0 ? 'SANs are not allowed' : undefined
  if (names.some(({ type }) => type === 'email')) return 'Email SANs are not allowed'
  if (names.some(({ type }) => type === 'url')) return 'URI SANs are not allowed'
  return names.length === 0 ? 'DNS or IP SANs are required' : undefined
}
