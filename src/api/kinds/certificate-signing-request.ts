import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition as Condition,
} from '../certificates.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { certificateSigningRequests } from '../resources.ts'
import { findRepeats } from '../validation/repeats.ts'
import { validateSignerName } from '../validation/signer-name.ts'
import { defineKind } from './define-kind.ts'
import type { KindSpec } from './kind-spec.ts'

const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]
const DECISIONS = ['Approved', 'Denied']
const LASTING = [...DECISIONS, 'Failed']
const MIN_SECONDS = 600
const LEGACY_SIGNER = 'kubernetes.io/legacy-unknown'

// Source: certificates/validation v1.36 and registry/certificates/certificates/strategy.go.
const base = defineKind<CertificateSigningRequest>({
  resource: certificateSigningRequests,
  shortNames: ['csr'],
  subresources: ['status', 'approval'],
  nameRule: () => [],
  selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
  // Who asks, and for what, stays as it was asked.
  prepareUpdate: (object, old) => ({ ...object, spec: old.spec }),
  prepareStatusUpdate: (object, old) => withDecisionsOf(object, old),
  validate,
  validateChange: (object, old) =>
    validateChange(object, old, { mayDecide: false, maySign: false }),
  validateStatus: (object, old) => [
    ...validate(object),
    ...validateChange(object, old, { mayDecide: false, maySign: true }),
  ],
})

export const certificateSigningRequest: KindSpec<CertificateSigningRequest> = base

/** The subresource approval: only conditions change, and these may decide. */
export const approval = {
  prepare: (
    object: CertificateSigningRequest,
    old: CertificateSigningRequest,
  ): CertificateSigningRequest => ({
    ...old,
    metadata: object.metadata,
    status: { ...old.status, conditions: object.status?.conditions ?? [] },
  }),
  validate: (object: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] => [
    ...validate(object),
    ...validateChange(object, old, { mayDecide: true, maySign: false }),
  ],
}

/** The status may not decide: decisions are those that were there. */
function withDecisionsOf(
  object: CertificateSigningRequest,
  old: CertificateSigningRequest,
): CertificateSigningRequest {
  const isDecision = ({ type }: Condition) => DECISIONS.includes(type)
  const others = (object.status?.conditions ?? []).filter((each) => !isDecision(each))
  const conditions = [...(old.status?.conditions ?? []).filter(isDecision), ...others]
  return {
    ...object,
    status: { ...object.status, ...(conditions.length > 0 ? { conditions } : {}) },
  }
}

function validate({ spec, status }: CertificateSigningRequest): FieldError[] {
  const { usages = [], signerName = '', expirationSeconds } = spec ?? {}
  return [
    ...(usages.length === 0 ? [required('spec.usages')] : []),
    ...usages.flatMap((usage, index) =>
      USAGES.includes(usage) ? [] : [notSupported(`spec.usages[${index}]`, usage, USAGES)],
    ),
    ...findRepeats(usages, (usage) => usage).flatMap((isRepeat, index) =>
      isRepeat ? [duplicate(`spec.usages[${index}]`, usages[index])] : [],
    ),
    ...(signerName === LEGACY_SIGNER
      ? [
          invalid(
            'spec.signerName',
            signerName,
            'the legacy signerName is not allowed via this API version',
          ),
        ]
      : validateSignerName(signerName, 'spec.signerName')),
    ...(expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS
      ? [
          invalid(
            'spec.expirationSeconds',
            expirationSeconds,
            'may not specify a duration less than 600 seconds (10 minutes)',
          ),
        ]
      : []),
    ...validateConditions(status?.conditions ?? []),
  ]
}

function validateConditions(conditions: readonly Condition[]): FieldError[] {
  const at = 'status.conditions'
  const earlier = new Set<string>()
  return conditions.flatMap(({ type, status = '' }, index) => {
    const field = `${at}[${index}]`
    const allowed = LASTING.includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    const opposite = type === 'Approved' ? 'Denied' : 'Approved'
    const errors = [
      ...(type ? [] : [required(`${field}.type`)]),
      ...(status === '' ? [required(`${field}.status`)] : []),
      ...(status !== '' && !allowed.includes(status)
        ? [notSupported(`${field}.status`, status, allowed)]
        : []),
      ...(DECISIONS.includes(type) && earlier.has(opposite)
        ? [invalid(at, type, 'Approved and Denied conditions are mutually exclusive')]
        : []),
      ...(earlier.has(type) ? [duplicate(`${field}.type`, type)] : []),
    ]
    earlier.add(type)
    return errors
  })
}

function validateChange(
  object: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { mayDecide, maySign }: { readonly mayDecide: boolean; readonly maySign: boolean },
): FieldError[] {
  const of = (one: CertificateSigningRequest, type: string) =>
    (one.status?.conditions ?? []).filter((condition) => condition.type === type)
  const errors: FieldError[] = []
  for (const type of LASTING) {
    const [now, before] = [of(object, type), of(old, type)]
    const refuse = (what: string) =>
      errors.push(
        forbidden('status.conditions', `updates may not ${what} a condition of type "${type}"`),
      )
    if (now.length < before.length) refuse('remove')
    if (mayDecide || !DECISIONS.includes(type)) continue
    if (now.length > before.length) refuse('add')
    else if (now.length === before.length && !equalJSON(now, before)) refuse('modify')
  }
  const [certificate = '', earlier = ''] = [object.status?.certificate, old.status?.certificate]
  if (certificate === earlier) return errors
  if (!maySign)
    errors.push(forbidden('status.certificate', 'updates may not set certificate content'))
  else if (earlier !== '')
    errors.push(
      forbidden('status.certificate', 'updates may not modify existing certificate content'),
    )
  return errors
}
