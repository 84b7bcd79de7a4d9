import type { CertificateSigningRequest } from '#api/certificates.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import { certificateSigningRequest } from '#api/kinds/certificate-signing-request.ts'
import { certificateSigningRequests } from '#api/resources.ts'
import { forbidden, invalid } from '#api/status.ts'
import {
  CLIENT_SIGNER,
  KUBELET_CLIENT_SIGNER,
  KUBELET_SERVING_SIGNER,
} from '#api/validation/signer-rules.ts'
import type { Admission, AdmissionRequest } from '../../admission/admission.ts'
import type { Authorize } from '../authorize.ts'
import { MASTERS, nodeOf, type User } from '../user.ts'

const NODE_SIGNERS = [KUBELET_SERVING_SIGNER, KUBELET_CLIENT_SIGNER]

/**
 * Writes down who asks for a certificate, and lets only those decide and sign who may. Source and sentences: registry/certificates/certificates/strategy.go and the
 * admission plugins CertificateApproval, CertificateSigning, CertificateSubjectRestriction and NodeRestriction.
 */
export function createCertificateRequestAdmission(authorize: Authorize): Admission {
  return {
    async admit(request) {
      const { resource, object, operation, subresource, user } = request
      const isOther =
        resource.plural !== certificateSigningRequests.plural ||
        resource.group !== certificateSigningRequests.group
      if (isOther || operation === 'DELETE') return { object }
      if (operation === 'CREATE') return { object: await checkNew(request) }
      if (subresource === 'approval') mayActOn(request, user, authorize, 'approve')
      if (subresource === 'status') mayActOn(request, user, authorize, 'sign')
      return { object }
    },
  }
}

async function checkNew({ object, user }: AdmissionRequest): Promise<CertificateSigningRequest> {
  const csr = withRequester(object as CertificateSigningRequest, user)
  const { spec, metadata } = csr
  const { parseRequest } = await import('./parse-request.ts')
  const parsed = await parseRequest(spec.request ?? '') // Go's types let it be absent
  if (typeof parsed === 'string') {
    throw invalid(certificateSigningRequests, metadata.name, [
      invalidField('spec.request', spec.request, parsed),
      ...certificateSigningRequest.validate(csr),
    ])
  }
  const deny = (why: string) =>
    forbidden(certificateSigningRequests, metadata.name || metadata.generateName || 'Unknown', why)
  if (spec.signerName === CLIENT_SIGNER && parsed.organizations.includes(MASTERS))
    throw deny(`use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`)
  const node = user && nodeOf(user)
  const isOfNode = node !== undefined && NODE_SIGNERS.includes(spec.signerName)
  if (isOfNode && parsed.commonName !== `system:node:${node}`)
    throw deny(`can only create a node CSR with CN=system:node:${node}`)
  return csr
}

/** What the client says of itself does not count. */
function withRequester(
  { status: _, ...csr }: CertificateSigningRequest,
  user: User | undefined,
): CertificateSigningRequest {
  const { username: _username, uid: _uid, groups: _groups, extra: _extra, ...spec } = csr.spec ?? {}
  if (!user) return { ...csr, spec }
  const { name, uid, groups, extra } = user
  return {
    ...csr,
    spec: {
      ...spec,
      username: name,
      ...(uid ? { uid } : {}),
      groups,
      ...(extra ? { extra } : {}),
    },
  }
}

function mayActOn(
  { object, old }: AdmissionRequest,
  user: User | undefined,
  authorize: Authorize,
  verb: 'approve' | 'sign',
): void {
  if (!user) return
  const { signerName } = (old as CertificateSigningRequest).spec
  const signer = { verb, group: certificateSigningRequests.group, plural: 'signers' }
  const names = [signerName, `${signerName.split('/', 1)[0]}/*`]
  if (names.some((name) => authorize(user, { ...signer, name }).verdict === 'allow')) return
  const why = `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`
  throw forbidden(certificateSigningRequests, object.metadata.name, why)
}
