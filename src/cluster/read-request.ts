import 'reflect-metadata'
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension } from '@peculiar/x509'
import type { CertificateRequestContent } from '#api/validation/signer-rules.ts'

const SAN = '2.5.29.17'

/** Reads a PEM block CERTIFICATE REQUEST as Go's crypto/x509 does: the last CN counts. @throws where it is none */
export function readRequest(pem: string): CertificateRequestContent {
  return contentOf(new Pkcs10CertificateRequest(pem))
}

export function contentOf(request: Pkcs10CertificateRequest): CertificateRequestContent {
  const { subjectName } = request
  const names = alternativeNames(request)?.names.items ?? []
  const of = (type: string) => names.filter((each) => each.type === type).map(({ value }) => value)
  return {
    commonName: subjectName.getField('CN').at(-1) ?? '',
    organizations: subjectName.getField('O'),
    dnsNames: of('dns'),
    ipAddresses: of('ip'),
    emailAddresses: of('email'),
    uris: of('url'),
  }
}

export function alternativeNames(
  request: Pkcs10CertificateRequest,
): SubjectAlternativeNameExtension | undefined {
  const found = request.getExtension(SAN)
  return found instanceof SubjectAlternativeNameExtension ? found : undefined
}
