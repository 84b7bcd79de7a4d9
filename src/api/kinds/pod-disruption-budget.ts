import { invalid, notSupported } from '../field-error.ts'
import type { PodDisruptionBudget } from '../policy.ts'
import { podDisruptionBudgets } from '../resources.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import { validateAtMost100Percent, validateIntOrPercent } from './int-or-percent.ts'

const EVICTION_POLICIES = ['AlwaysAllow', 'IfHealthyBudget']

// Source: policy/validation and registry/policy/poddisruptionbudget.
export const podDisruptionBudget = defineKind<PodDisruptionBudget>({
  resource: podDisruptionBudgets,
  shortNames: ['pdb'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  prepareCreate: (object) => ({ ...object, status: NO_STATUS }),
  validate: ({ spec = {} }) => {
    const { minAvailable, maxUnavailable, unhealthyPodEvictionPolicy: policy } = spec
    return [
      ...(minAvailable !== undefined && maxUnavailable !== undefined
        ? [invalid('spec', asInGo(spec), 'minAvailable and maxUnavailable cannot be both set')]
        : []),
      ...(['minAvailable', 'maxUnavailable'] as const).flatMap((key) => {
        const value = spec[key]
        return value === undefined
          ? []
          : [
              ...validateIntOrPercent(value, `spec.${key}`),
              ...validateAtMost100Percent(value, `spec.${key}`),
            ]
      }),
      ...validateLabelSelector(spec.selector, 'spec.selector'),
      ...(policy === undefined || EVICTION_POLICIES.includes(policy)
        ? []
        : [notSupported('spec.unhealthyPodEvictionPolicy', policy, EVICTION_POLICIES)]),
    ]
  },
  validateStatus: ({ status }) => validateCounts(status ?? {}, Object.keys(NO_STATUS)),
})

const NO_STATUS = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }

/** As upstream's own type prints: policy.PodDisruptionBudgetSpec has no JSON names. */
const asInGo = ({
  minAvailable,
  selector,
  maxUnavailable,
  unhealthyPodEvictionPolicy,
}: NonNullable<PodDisruptionBudget['spec']>) => ({
  MinAvailable: minAvailable ?? null,
  Selector: selector ?? null,
  MaxUnavailable: maxUnavailable ?? null,
  UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
})
