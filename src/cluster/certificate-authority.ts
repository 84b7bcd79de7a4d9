import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Identity, KeyPair } from './pki.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
const CA_DAYS = 3650
const LEAF_DAYS = 365
/** Certificates are valid a little before they are made, since clocks differ. */
const BACKDATED_MS = 300_000

export interface Authority {
  readonly keyPair: KeyPair
  sign(identity: Identity): Promise<KeyPair>
}

/** Takes up an authority from its key pair, or makes a new one. */
export async function createAuthority(existing: KeyPair | undefined): Promise<Authority> {
  const authority = existing ? await load(existing) : await generate()
  return { keyPair: authority.keyPair, sign: (identity) => sign(identity, authority) }
}

interface Signer {
  readonly keyPair: KeyPair
  readonly certificate: X509Certificate
  readonly privateKey: CryptoKey
}

async function generate(): Promise<Signer> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['fairlead-ca'] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(CA_DAYS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
        true,
      ),
    ],
  })
  return {
    certificate,
    privateKey: keys.privateKey,
    keyPair: await toPEM(certificate, keys.privateKey),
  }
}

async function load(keyPair: KeyPair): Promise<Signer> {
  const pkcs8 = PemConverter.decodeFirst(keyPair.keyPEM)
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign'])
  return { keyPair, privateKey, certificate: new X509Certificate(keyPair.certPEM) }
}

async function sign(
  { user, groups = [], serving }: Identity,
  { certificate: issuer, privateKey }: Signer,
): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const usages = [ExtendedKeyUsage.clientAuth, ...(serving ? [ExtendedKeyUsage.serverAuth] : [])]
  const names = [
    ...(serving?.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(serving?.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
  ]
  const certificate = await X509CertificateGenerator.create({
    subject: [...groups.map((group) => ({ O: [group] })), { CN: [user] }],
    issuer: issuer.subject,
    signingKey: privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: ALGORITHM,
    ...validity(LEAF_DAYS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages),
      ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  return toPEM(certificate, keys.privateKey)
}

function validity(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  return {
    notBefore: new Date(Date.now() - BACKDATED_MS),
    notAfter: new Date(Date.now() + days * DAY_MS),
  }
}

async function toPEM(certificate: X509Certificate, privateKey: CryptoKey): Promise<KeyPair> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', privateKey)
  return {
    certPEM: `${certificate.toString('pem')}\n`,
    keyPEM: `${PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
  }
}
