import type { Lease } from '../coordination.ts'
import { type FieldError, forbidden, invalid, notSupported } from '../field-error.ts'
import { leases } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'

const strategies = ['OldestEmulationVersion']

// Source: coordination/validation, ValidateLeaseSpec. An empty holder is how client-go's leader election lets go.
export const lease = defineKind<Lease>({
  resource: leases,
  nameRule: isDNS1123Subdomain,
  validate({ spec = {} }): FieldError[] {
    const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = spec
    return [
      ...(leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0
        ? [invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')]
        : []),
      ...(leaseTransitions !== undefined && leaseTransitions < 0
        ? [invalid('spec.leaseTransitions', leaseTransitions, mustNotBeNegative)]
        : []),
      // Whoever defines a strategy of its own puts its domain before it.
      ...(strategy !== undefined && !strategy.includes('/') && !strategies.includes(strategy)
        ? [notSupported('spec.strategy', strategy, strategies)]
        : []),
      ...(preferredHolder && !strategy
        ? [forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined')]
        : []),
    ]
  },
})
