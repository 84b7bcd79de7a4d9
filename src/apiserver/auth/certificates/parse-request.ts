import 'reflect-metadata'
import { Pkcs10CertificateRequest } from '@peculiar/x509'

/** What of a request for a certificate the API looks at. */
export interface ParsedRequest {
  readonly commonName: string
  readonly organizations: readonly string[]
}

/** Reads a PEM block CERTIFICATE REQUEST in base64, and checks that its key signed it; or says what is wrong with it. */
export async function parseRequest(base64: string): Promise<ParsedRequest | string> {
  const pem = Buffer.from(base64, 'base64').toString('latin1')
  // Source: apis/certificates/helpers.go ParseCSR.
  if (!/-----BEGIN CERTIFICATE REQUEST-----[\s\S]+-----END CERTIFICATE REQUEST-----/.test(pem))
    return 'PEM block type must be CERTIFICATE REQUEST'
  try {
    const request = new Pkcs10CertificateRequest(pem)
    if (!(await request.verify())) return 'x509: ECDSA verification failure'
    const { subjectName } = request
    return {
      commonName: subjectName.getField('CN')[0] ?? '',
      organizations: subjectName.getField('O'),
    }
  } catch {
    return 'asn1: structure error: malformed certificate request'
  }
}
