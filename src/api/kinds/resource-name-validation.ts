/** Names of resources. Source: core/validation and pkg/apis/core/helper, v1.36. */
import { type FieldError, invalid } from '../field-error.ts'
import { checkName, isQualifiedName } from '../validation/names.ts'

export const QUOTA_RESOURCES: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
])

/** What is counted and not measured. */
const COUNTS: ReadonlySet<string> = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
])

export const isHugePages = (name: string) => name.startsWith('hugepages-')
const isNative = (name: string) =>
  !name.includes('/') || name.split('/')[0]!.endsWith('kubernetes.io')
export const isExtended = (name: string) => !isNative(name) && !name.startsWith('requests.')
export const isInteger = (name: string) => COUNTS.has(name) || isExtended(name)
export const isOvercommitAllowed = (name: string) => isNative(name) && !isHugePages(name)

export function validateResourceName(name: string, field: string): FieldError[] {
  const errors = checkName(isQualifiedName, name, field)
  if (errors.length > 0 || name.includes('/')) return errors
  return QUOTA_RESOURCES.has(name) || name === 'storage' || isHugePages(name)
    ? []
    : [invalid(field, name, 'must be a standard resource type or fully qualified')]
}

export function validateQuotaResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field)
  const isKnown = QUOTA_RESOURCES.has(name) || /^(requests\.)?hugepages-/.test(name)
  if (name.includes('/') || isKnown) return errors
  return [...errors, invalid(field, name, 'must be a standard resource for quota')]
}
