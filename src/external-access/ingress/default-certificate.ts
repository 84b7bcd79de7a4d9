import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Certificate } from './model.ts'

/**
 * The certificate of hosts that have none. Made in a process of its own: the library for it takes more memory than the whole rest of the
 * Ingress controller, and is needed once.
 */
export async function createDefaultCertificate(): Promise<
  Pick<Certificate, 'certificatePEM' | 'keyPEM'>
> {
  const script = new URL('./generate-certificate.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  return JSON.parse(stdout)
}
