import { type FieldError, invalid, required } from '../field-error.ts'
import type { ResourceQuota, ResourceQuotaSpec } from '../limits.ts'
import { resourceQuotas } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import type { ResourceList } from '../volumes.ts'
import { defineKind } from './define-kind.ts'
import { isWhole, validateNonNegativeQuantity } from './quantity-validation.ts'
import {
  isInteger,
  QUOTA_RESOURCES,
  validateQuotaResourceName,
} from './resource-name-validation.ts'

// Source: core/validation ValidateResourceQuota and registry/core/resourcequota.
export const resourceQuota = defineKind<ResourceQuota>({
  resource: resourceQuotas,
  singular: 'resourcequota',
  shortNames: ['quota'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  prepareCreate: (object) => ({ ...object, status: {} }),
  validate: ({ spec = {} }) => [
    ...validateList(spec.hard, 'spec.hard'),
    ...validateScopes(spec),
    ...validateScopeSelector(spec),
  ],
  validateChange: ({ spec = {} }, { spec: old = {} }) => {
    const now = new Set(spec.scopes)
    const isSame = now.symmetricDifference(new Set(old.scopes)).size === 0
    return isSame ? [] : [invalid('spec.scopes', spec.scopes ?? null, 'field is immutable')]
  },
  validateStatus: ({ status = {} }) => [
    ...validateList(status.hard, 'status.hard'),
    ...validateList(status.used, 'status.used'),
  ],
})

function validateList(list: ResourceList | undefined, at: string): FieldError[] {
  return Object.entries(list ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => {
      const field = `${at}[${name}]`
      return [
        ...validateQuotaResourceName(name, field),
        ...validateNonNegativeQuantity(value, field),
        ...(isInteger(name) && !isWhole(value)
          ? [invalid(field, value, 'must be an integer')]
          : []),
      ]
    })
}

const POD_SCOPES = ['Terminating', 'NotTerminating', 'NotBestEffort', 'PriorityClass']
const SCOPES = [...POD_SCOPES, 'BestEffort', 'VolumeAttributesClass', 'CrossNamespacePodAffinity']
const COMPUTE = /^(pods|cpu|memory|(limits|requests)\.(cpu|memory))$/

/** Which resources a scope can count. */
function isScopeValid(scope: string, resource: string): boolean {
  switch (scope) {
    case 'Terminating':
    case 'NotTerminating':
    case 'NotBestEffort':
    case 'PriorityClass':
    case 'CrossNamespacePodAffinity':
      return COMPUTE.test(resource)
    case 'BestEffort':
      return resource === 'pods'
    case 'VolumeAttributesClass':
      return resource === 'persistentvolumeclaims' || resource === 'requests.storage'
    default:
      return true
  }
}

const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const

const conflicting = (scopes: ReadonlySet<string>, at: string, scopesField: unknown) =>
  CONFLICTS.filter(([a, b]) => scopes.has(a) && scopes.has(b)).map(() =>
    invalid(at, scopesField ?? null, 'conflicting scopes'),
  )

const unfit = (scope: string, hard: ResourceList | undefined) =>
  Object.keys(hard ?? {}).filter((name) => QUOTA_RESOURCES.has(name) && !isScopeValid(scope, name))

function validateScopes({ scopes = [], hard }: ResourceQuotaSpec): FieldError[] {
  const at = 'spec.scopes'
  return [
    ...scopes.flatMap((scope) => [
      ...(SCOPES.includes(scope) ? [] : [invalid(at, scopes, 'unsupported scope')]),
      ...unfit(scope, hard).map(() => invalid(at, scopes, 'unsupported scope applied to resource')),
    ]),
    ...conflicting(new Set(scopes), at, scopes),
  ]
}

function validateScopeSelector({ scopeSelector, scopes, hard }: ResourceQuotaSpec): FieldError[] {
  const { matchExpressions = [] } = scopeSelector ?? {}
  const at = 'spec.scopeSelector.matchExpressions'
  return [
    ...matchExpressions.flatMap(({ scopeName = '', operator = '', values = [] }) => [
      ...(SCOPES.includes(scopeName)
        ? []
        : [invalid(`${at}.scopeName`, scopeName, 'unsupported scope')]),
      ...unfit(scopeName, hard).map(() =>
        invalid(at, scopeSelector, 'unsupported scope applied to resource'),
      ),
      ...(/^(Not)?(BestEffort|Terminating)$|^CrossNamespacePodAffinity$/.test(scopeName) &&
      operator !== 'Exists'
        ? [
            invalid(
              `${at}.operator`,
              operator,
              "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
            ),
          ]
        : []),
      ...validateOperator(operator, values, at),
    ]),
    ...conflicting(new Set(matchExpressions.map(({ scopeName }) => scopeName)), at, scopes),
  ]
}

function validateOperator(operator: string, values: readonly string[], at: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [
            required(
              `${at}.values`,
              "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            ),
          ]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [
            invalid(
              `${at}.values`,
              values,
              "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
            ),
          ]
    default:
      return [invalid(`${at}.operator`, operator, 'not a valid selector operator')]
  }
}
