import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Secret } from '#api/core.ts'
import type { Certificate } from './model.ts'

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * Takes a Secret's certificate and key apart and puts them together anew, so that nothing reaches nginx that it cannot load: one bad
 * certificate would stop every change of the configuration.
 * @throws Error that says what is wrong with them
 */
export function checkCertificate({ data = {} }: Secret): Certificate {
  const chain = decode(data['tls.crt'], 'tls.crt').match(BLOCK) ?? []
  if (chain.length === 0) throw new Error('tls.crt holds no certificate')
  const certificatePEM = chain.map((block) => new X509Certificate(block).toString()).join('')
  const key = createPrivateKey(decode(data['tls.key'], 'tls.key'))
  const keyPEM = key.export({ type: 'pkcs8', format: 'pem' }) as string
  // OpenSSL's own check: that they belong together and are strong enough.
  createSecureContext({ cert: certificatePEM, key: keyPEM })
  const id = createHash('sha256').update(certificatePEM).update(keyPEM).digest('hex').slice(0, 32)
  return { id, certificatePEM, keyPEM }
}

function decode(base64: string | undefined, name: string): string {
  if (!base64) throw new Error(`${name} is missing`)
  return Buffer.from(base64, 'base64').toString('utf8')
}
