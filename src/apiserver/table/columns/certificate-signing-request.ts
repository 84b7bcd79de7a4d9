import type { CertificateSigningRequest } from '#api/certificates.ts'
import { ageColumn, type Column, nameColumn, text } from '../column.ts'
import { formatDuration } from '../duration.ts'

export const certificateSigningRequestColumns: readonly Column<CertificateSigningRequest>[] = [
  nameColumn,
  ageColumn,
  text('SignerName', ({ spec }) => spec.signerName || '<none>'),
  text('Requestor', ({ spec }) => spec.username ?? ''),
  text('RequestedDuration', ({ spec: { expirationSeconds } }) =>
    expirationSeconds === undefined ? '<none>' : formatDuration(expirationSeconds * 1000),
  ),
  text('Condition', conditionOf),
]

// Source: printers.go extractCSRStatus.
function conditionOf({ status }: CertificateSigningRequest): string {
  const has = (type: string) => (status?.conditions ?? []).some((each) => each.type === type)
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  return `${decision}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`
}
