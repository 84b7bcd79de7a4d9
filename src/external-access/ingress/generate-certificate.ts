/** Prints a new self-signed certificate and its key, as JSON. See default-certificate.ts. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000

const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
const certificate = await X509CertificateGenerator.createSelfSigned({
  // ingress-nginx's names, which people know.
  name: [{ O: ['Acme Co'] }, { CN: ['Kubernetes Ingress Controller Fake Certificate'] }],
  keys,
  signingAlgorithm: ALGORITHM,
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + 365 * DAY_MS),
  extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'ingress.local' }])],
})
const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
process.stdout.write(
  JSON.stringify({
    certificatePEM: certificate.toString('pem'),
    keyPEM: PemConverter.encode(key, 'PRIVATE KEY'),
  }),
)
