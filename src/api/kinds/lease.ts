import type { Lease } from '../coordination.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { leases } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'

// Source: coordination/validation, ValidateLeaseSpec.
export const lease = defineKind<Lease>({
  resource: leases,
  nameRule: isDNS1123Subdomain,
  validate({ spec = {} }): FieldError[] {
    const { holderIdentity, leaseDurationSeconds, leaseTransitions } = spec
    return [
      ...(holderIdentity === ''
        ? [invalid('spec.holderIdentity', holderIdentity, 'must not be empty')]
        : []),
      ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0
        ? [invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')]
        : []),
      ...(leaseTransitions !== undefined && leaseTransitions < 0
        ? [invalid('spec.leaseTransitions', leaseTransitions, mustNotBeNegative)]
        : []),
    ]
  },
})
